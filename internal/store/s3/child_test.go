package s3_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/swarmdr/swarmdr/internal/store/s3"
	"github.com/swarmdr/swarmdr/internal/store/s3/s3test"
	"github.com/swarmdr/swarmdr/pkg/snapshot/snapshottest"
)

// childArg makes the test binary a program that puts one object.
const childArg = "put-in-a-child"

// job is told to the child on its standard input.
type job struct {
	Options s3.Options
	Size    int64
	Seed    bool // the bytes of parts; else a stream that does not repeat
}

func child() int {
	var j job
	if err := json.NewDecoder(os.Stdin).Decode(&j); err != nil {
		fmt.Println("error:", err)
		return 1
	}
	s, err := s3.New(j.Options)
	if err == nil {
		err = s.Put(context.Background(), name, j.write)
	}
	if err != nil {
		fmt.Println("error:", err)
		return 1
	}
	fmt.Println("peak", peak())
	return 0
}

func (j job) write(w io.Writer) error {
	if j.Seed {
		_, err := w.Write(snapshottest.Random(7, int(j.Size)))
		return err
	}
	block := snapshottest.Random(8, 1<<16)
	for n := int64(0); n < j.Size; n += int64(len(block)) {
		copy(block, fmt.Sprint(n))
		if _, err := w.Write(block); err != nil {
			return err
		}
	}
	return nil
}

// peak is the resident memory of this process at its highest, in KiB.
func peak() string {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return err.Error()
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			return strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB"))
		}
	}
	return "unknown"
}

func startChild(t *testing.T, j job) (*exec.Cmd, *bufio.Reader) {
	t.Helper()
	text, err := json.Marshal(j)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0], childArg)
	cmd.Stdin = bytes.NewReader(text)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, bufio.NewReader(out)
}

// A process that uploads is killed at several moments. The name stays free,
// and a second process ends what the first began.
func TestKilledUpload(t *testing.T) {
	server := s3test.MinIO(t)
	for held := range 3 {
		t.Run(fmt.Sprintf("after %d parts", held), func(t *testing.T) {
			o := server.Options(server.Bucket(t))
			slow := o
			slow.UploadLimit = 4 << 20
			first, _ := startChild(t, job{Options: slow, Size: int64(len(parts)), Seed: true})
			waitForParts(t, server, o, held)
			if err := first.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			first.Wait()
			s := s3test.Open(t, o)
			if exists(t, s) {
				t.Fatal("the object is there")
			}
			second, out := startChild(t, job{Options: o, Size: int64(len(parts)), Seed: true})
			line, _ := out.ReadString('\n')
			if err := second.Wait(); err != nil {
				t.Fatalf("second run: %v: %s", err, line)
			}
			if !bytes.Equal(read(t, s), parts) {
				t.Error("other bytes came back")
			}
			if uploads, _ := unfinished(t, server, o); uploads != 0 {
				t.Errorf("%d uploads are left", uploads)
			}
		})
	}
}

func waitForParts(t *testing.T, server *s3test.Server, o s3.Options, want int) {
	t.Helper()
	for begin := time.Now(); time.Since(begin) < 30*time.Second; time.Sleep(20 * time.Millisecond) {
		if uploads, held := unfinished(t, server, o); uploads == 1 && held >= want {
			return
		}
	}
	t.Fatalf("no upload with %d parts appears", want)
}

// The whole process holds 64 MiB at most, whatever the size of the object.
func TestMemoryOfALargeUpload(t *testing.T) {
	server := s3test.MinIO(t)
	o := server.Options(server.Bucket(t))
	o.PartSize = 0 // the default
	cmd, out := startChild(t, job{Options: o, Size: 1 << 30})
	line, _ := out.ReadString('\n')
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v: %s", err, line)
	}
	kib := 0
	if _, err := fmt.Sscanf(line, "peak %d", &kib); err != nil {
		t.Fatalf("%q: %v", line, err)
	}
	t.Logf("1 GiB with %d KiB resident at most", kib)
	if kib > 64<<10 {
		t.Errorf("%d KiB were resident", kib)
	}
}
