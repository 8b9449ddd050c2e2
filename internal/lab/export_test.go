package lab

// For the tests in package lab_test.

func (l *Lab) Cgroups() ([]string, error) { return l.cgroups() }

func (l *Lab) CgroupPrefix() string { return l.cgroupPrefix() }

func MountsBelow(dir string) (points []string, err error) {
	mounts, err := mountsBelow(dir)
	for _, m := range mounts {
		points = append(points, m.point)
	}
	return points, err
}
