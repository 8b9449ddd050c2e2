package lab

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// The marks by which a process of a lab is known. Children inherit them:
// dockerd, containerd, shims; containers do not.
const (
	markLab  = "SWARMDR_LAB"
	markNode = "SWARMDR_LAB_NODE"
)

const (
	dockerdComm    = "dockerd"
	containerdComm = "containerd"
)

// process is what /proc said of one at one moment. A zombie has no
// environment, so it carries no mark and counts as gone.
type process struct {
	pid, parent int
	start       string // ticks since boot; with pid it names one process for good
	comm        string
	lab, node   string
	net         nsID
	cgroups     string // as in /proc/PID/cgroup: a line each hierarchy
}

// nsID names a namespace: device and inode of its nsfs file.
type nsID struct{ dev, ino uint64 }

// processes lists all that can be read. One that ends meanwhile is left out.
func processes() []process {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var all []process
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if p, ok := readProcess(pid); ok {
			all = append(all, p)
		}
	}
	return all
}

func readProcess(pid int) (process, bool) {
	dir := filepath.Join("/proc", strconv.Itoa(pid))
	stat, err := os.ReadFile(filepath.Join(dir, "stat"))
	if err != nil {
		return process{}, false
	}
	p, zombie := parseStat(stat)
	if zombie || p.pid != pid {
		return process{}, false
	}
	env, err := os.ReadFile(filepath.Join(dir, "environ"))
	if err != nil {
		return process{}, false
	}
	cgroups, err := os.ReadFile(filepath.Join(dir, "cgroup"))
	if err != nil {
		return process{}, false
	}
	p.lab, p.node = marks(env)
	p.cgroups = string(cgroups)
	p.net = namespaceID(filepath.Join(dir, "ns/net"))
	return p, true
}

// The fields of /proc/PID/stat that count, after the comm (proc_pid_stat(5)).
const (
	statState  = 0
	statParent = 1
	statStart  = 19
)

// parseStat reads a /proc/PID/stat: "pid (comm) state ppid …". The comm may
// hold any byte, so its end is the last parenthesis.
func parseStat(stat []byte) (p process, zombie bool) {
	open, end := bytes.IndexByte(stat, '('), bytes.LastIndexByte(stat, ')')
	if open < 1 || end < open {
		return process{}, true
	}
	rest := strings.Fields(string(stat[end+1:]))
	if len(rest) <= statStart {
		return process{}, true
	}
	p.pid, _ = strconv.Atoi(strings.TrimSpace(string(stat[:open])))
	p.parent, _ = strconv.Atoi(rest[statParent])
	p.comm, p.start = string(stat[open+1:end]), rest[statStart]
	return p, rest[statState] == "Z" || rest[statState] == "X"
}

func marks(environ []byte) (lab, node string) {
	for entry := range bytes.SplitSeq(environ, []byte{0}) {
		key, value, _ := strings.Cut(string(entry), "=")
		switch key {
		case markLab:
			lab = value
		case markNode:
			node = value
		}
	}
	return lab, node
}

func namespaceID(path string) nsID {
	info, err := os.Stat(path)
	if err != nil {
		return nsID{}
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return nsID{}
	}
	return nsID{dev: st.Dev, ino: st.Ino}
}

// alive says whether p has not ended yet. One that is starting or ending shows
// no environment and no namespaces, so that only this tells.
func (p process) alive() bool {
	now, zombie := p.look()
	return !zombie && now.start == p.start
}

// reaped says whether nothing of p is left, not even a zombie.
func (p process) reaped() bool {
	now, _ := p.look()
	return now.start != p.start
}

func (p process) look() (now process, zombie bool) {
	stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(p.pid), "stat"))
	if err != nil {
		return process{}, true
	}
	return parseStat(stat)
}

// daemons are the node's running dockerd and containerd, dockerd first.
func (n *Node) daemons() []process {
	var found []process
	for _, comm := range []string{dockerdComm, containerdComm} {
		for _, p := range processes() {
			if p.comm == comm && p.lab == n.lab.dir && p.node == n.Name {
				found = append(found, p)
			}
		}
	}
	return found
}
