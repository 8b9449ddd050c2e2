package config

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Store is a place for snapshots. In the file it is a URL, or a map with a URL
// and what else is needed to use it.
type Store struct {
	// URL is file:///DIRECTORY or s3://BUCKET/PREFIX; all below is for the latter.
	URL string `yaml:"url"`
	// Endpoint is HOST[:PORT] or a URL; default: AWS_ENDPOINT_URL, then AWS.
	Endpoint string `yaml:"endpoint"`
	// Region is asked of the server if it is not given.
	Region string `yaml:"region"`
	// PathStyle is auto, on or off.
	PathStyle string `yaml:"path_style"`
	// CAFile holds certificates in PEM that are trusted besides the system's.
	CAFile string `yaml:"ca_file"`
	// Proxy is a URL; default: the usual environment variables.
	Proxy string `yaml:"proxy"`
	// CredentialsFile and Profile are those of the AWS tools; default: the
	// environment, ~/.aws/credentials, the role of the machine.
	CredentialsFile string `yaml:"credentials_file"`
	Profile         string `yaml:"profile"`
	// SSE is s3 or kms: what the server encrypts with, besides our own sealing.
	SSE    string `yaml:"sse"`
	KMSKey string `yaml:"kms_key"`
	// StorageClass is the server's word for it.
	StorageClass string `yaml:"storage_class"`
	// LockMode is governance or compliance; new objects are locked for LockFor.
	LockMode string   `yaml:"lock_mode"`
	LockFor  Duration `yaml:"lock_for"`
	// UploadLimit and DownloadLimit are sizes a second; 0: none.
	UploadLimit   Size `yaml:"upload_limit"`
	DownloadLimit Size `yaml:"download_limit"`
	// Checksum is sha256 or none, for servers that refuse the header.
	Checksum string `yaml:"checksum"`
	// PartSize is that of multipart uploads.
	PartSize Size `yaml:"part_size"`
}

// UnmarshalYAML takes a bare URL for a store with only that.
func (s *Store) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		return n.Decode(&s.URL)
	}
	type plain Store
	if err := strictly(n, (*plain)(s)); err != nil {
		return err
	}
	if s.URL == "" {
		return fmt.Errorf("line %d: a store without a url", n.Line)
	}
	return nil
}

// strictly decodes a map as the decoder of the whole file does: the library
// forgets KnownFields behind an UnmarshalYAML.
func strictly(n *yaml.Node, into any) error {
	known := map[string]bool{}
	var fields yaml.Node
	if err := fields.Encode(into); err != nil {
		return err
	}
	for i := 0; i < len(fields.Content); i += 2 {
		known[fields.Content[i].Value] = true
	}
	for i := 0; n.Kind == yaml.MappingNode && i < len(n.Content); i += 2 {
		if key := n.Content[i]; !known[key.Value] {
			return fmt.Errorf("line %d: field %s not found", key.Line, key.Value)
		}
	}
	return n.Decode(into)
}

// Spool keeps snapshots on this machine until every store has them. It is used
// if a store is not a local directory.
type Spool struct {
	// Dir is created when needed; default: spool below the state directory.
	Dir string `yaml:"dir"`
	// Max is the size at which the oldest go; default 1 GiB, 0: no spool.
	Max Size `yaml:"max"`
}

// Retention counts the snapshots of each manager that stay.
type Retention struct {
	Last    int `yaml:"last"`
	Hourly  int `yaml:"hourly"`
	Daily   int `yaml:"daily"`
	Weekly  int `yaml:"weekly"`
	Monthly int `yaml:"monthly"`
	Yearly  int `yaml:"yearly"`
	// Within keeps all that are younger.
	Within Duration `yaml:"within"`
}

// Size is in bytes; in the file a number, or one with KiB, MiB or GiB.
type Size int64

// UnmarshalYAML implements yaml.Unmarshaler.
func (s *Size) UnmarshalYAML(n *yaml.Node) error {
	size, err := ParseSize(n.Value)
	if err != nil {
		return fmt.Errorf("line %d: %w", n.Line, err)
	}
	*s = size
	return nil
}

// ParseSize reads "1048576", "1024KiB" or "1 MiB".
func ParseSize(text string) (Size, error) {
	number, unit := text, int64(1)
	for suffix, bytes := range map[string]int64{"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30} {
		if before, ok := strings.CutSuffix(text, suffix); ok {
			number, unit = strings.TrimSpace(before), bytes
		}
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n < 0 || n > 1<<62/unit {
		return 0, fmt.Errorf("size %q: want bytes, or a number with KiB, MiB or GiB", text)
	}
	return Size(n * unit), nil
}

// Duration is a time span; in the file as Go writes it, and with d for days.
type Duration time.Duration

// UnmarshalYAML implements yaml.Unmarshaler.
func (d *Duration) UnmarshalYAML(n *yaml.Node) error {
	span, err := ParseDuration(n.Value)
	if err != nil {
		return fmt.Errorf("line %d: %w", n.Line, err)
	}
	*d = Duration(span)
	return nil
}

// ParseDuration reads "90m", "12h" or "30d"; a day is 24 hours.
func ParseDuration(text string) (time.Duration, error) {
	days, isDays := strings.CutSuffix(text, "d")
	var span time.Duration
	var err error
	if isDays {
		n := 0
		n, err = strconv.Atoi(days)
		if n > 100*366 {
			err = errors.New("more than a century")
		}
		span = time.Duration(n) * 24 * time.Hour
	} else {
		span, err = time.ParseDuration(text)
	}
	if err != nil || span < 0 {
		return 0, fmt.Errorf("time span %q: want as 90m, 12h or 30d", text)
	}
	return span, nil
}
