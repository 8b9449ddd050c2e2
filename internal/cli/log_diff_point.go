package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/swarmdr/swarmdr/pkg/raftlog"
)

// point names a state: a directory or snapshot, "" for the one that the flags
// name, and a moment in its log.
type point struct {
	source string
	moment moment
}

// parsePoint takes what is neither an index nor a time for a source.
func parsePoint(text string, now time.Time) (point, error) {
	if m, err := parseMoment(text, now); err == nil && text != "" {
		return point{moment: m}, nil
	}
	at := strings.LastIndexByte(text, '@')
	if at < 0 || isDir(text) {
		return point{source: text}, nil
	}
	m, err := parseMoment(text[at+1:], now)
	return point{text[:at], m}, err
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// parsePoints reads A and B.
func parsePoints(args []string) ([2]point, error) {
	now := time.Now()
	var points [2]point
	for i, arg := range args {
		if arg == "" {
			return points, usagef("a state without a name: want an index, a time, a directory or a snapshot")
		}
		var err error
		if points[i], err = parsePoint(arg, now); err != nil {
			return points, err
		}
	}
	if len(args) == 1 && points[0].moment != (moment{}) {
		points[1].source = points[0].source
	}
	return points, nil
}

// at is the source that a point names, with the keys that the flags name.
func (o *sourceOptions) at(p point) (*sourceOptions, error) {
	if p.source == "" {
		return o, nil
	}
	other := *o
	other.dir, other.snapshot = "", p.source
	switch _, err := os.Stat(p.source); {
	case err == nil:
		other.dir, other.snapshot = p.source, ""
	case !errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("open swarm directory: %w", err)
	case strings.HasPrefix(p.source, "/") || strings.HasPrefix(p.source, "."):
		return nil, fmt.Errorf("%s does not exist: %w", p.source, raftlog.ErrNotSwarmDir)
	}
	return &other, nil
}

// side is one of the two states that are compared.
type side struct {
	state   *raftlog.State
	node    string
	running map[string]int // tasks by service
}

// open replays what a point names. A log stays open for the second point of the
// same source.
func (d *difference) open(ctx context.Context, p point) (side, error) {
	if d.src == nil || d.source != p.source {
		if err := d.close(); err != nil {
			return side{}, err
		}
		options, err := d.o.at(p)
		if err != nil {
			return side{}, err
		}
		other := logOptions{sourceOptions: *options, outputOptions: d.o.outputOptions}
		d.src, d.log, err = other.openLog(ctx)
		if err != nil && options.dir == "" && p.source != "" {
			err = fmt.Errorf("open %s, which is no directory here: %w", p.source, err)
		}
		if err != nil {
			return side{}, err
		}
		d.source = p.source
	}
	through, err := p.moment.resolve(d.log)
	if err != nil {
		return side{}, err
	}
	state, err := d.log.State(raftlog.StateOptions{Through: through})
	if err != nil {
		return side{}, err
	}
	return side{state, d.log.Self().NodeID, state.RunningTasks()}, nil
}

func (d *difference) close() error {
	if d.src == nil {
		return nil
	}
	src := d.src
	d.src, d.log = nil, nil
	return src.close()
}
