package s3

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/minio/minio-go/v7/pkg/credentials"
)

// roleTimeout ends the question for the role of a machine that has none.
const roleTimeout = 5 * time.Second

// source is a place where credentials may be.
type source struct {
	name string
	from credentials.Provider
}

// chain asks one source after the other, and keeps to the first that answers.
// Unlike credentials.Chain it says why there are none, instead of going on
// unsigned. credentials.Credentials sees to it that one goroutine calls it.
type chain struct {
	sources []source
	current credentials.Provider
}

func newChain(o Options) *chain {
	if o.CredentialsFile != "" {
		return &chain{sources: []source{{o.CredentialsFile, &credentials.FileAWSCredentials{Filename: o.CredentialsFile, Profile: o.Profile}}}}
	}
	return &chain{sources: []source{
		{"AWS_ACCESS_KEY_ID", &credentials.EnvAWS{}},
		{"MINIO_ROOT_USER", &credentials.EnvMinio{}},
		{"~/.aws/credentials", &credentials.FileAWSCredentials{Profile: o.Profile}},
		{"role of the machine", &credentials.IAM{Endpoint: o.RoleEndpoint}},
	}}
}

func (c *chain) credentials() *credentials.Credentials { return credentials.New(c) }

// Retrieve implements credentials.Provider.
func (c *chain) Retrieve() (credentials.Value, error) {
	return c.RetrieveWithCredContext(nil)
}

// RetrieveWithCredContext implements credentials.Provider.
func (c *chain) RetrieveWithCredContext(cc *credentials.CredContext) (credentials.Value, error) {
	var tried []string
	for _, s := range c.sources {
		v, err := s.from.RetrieveWithCredContext(limited(s, cc))
		if err == nil && v.AccessKeyID != "" && v.SecretAccessKey != "" {
			c.current = s.from
			return v, nil
		}
		tried = append(tried, s.name+": "+reason(err))
	}
	return credentials.Value{}, fmt.Errorf("%w (%s)", ErrNoCredentials, strings.Join(tried, "; "))
}

// IsExpired implements credentials.Provider.
func (c *chain) IsExpired() bool { return c.current == nil || c.current.IsExpired() }

// ErrNoCredentials is returned by all methods that ask the server when no
// source has credentials.
var ErrNoCredentials = errors.New("no credentials for S3")

// limited is cc with a client that gives up early: where there is no role, the
// packets to its address vanish.
func limited(s source, cc *credentials.CredContext) *credentials.CredContext {
	role, ok := s.from.(*credentials.IAM)
	if !ok || cc == nil || cc.Client == nil {
		return cc
	}
	client := *cc.Client
	client.Timeout = roleTimeout
	role.Client = &client
	return cc
}

// reason never quotes the file: a malformed line may be the secret.
func reason(err error) string {
	switch {
	case err == nil:
		return "not set"
	case errors.Is(err, fs.ErrNotExist):
		return "no such file"
	case errors.Is(err, fs.ErrPermission):
		return "permission denied"
	case os.IsTimeout(err):
		return "no answer"
	}
	return "none found"
}
