package cli

import (
	"cmp"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"github.com/swarmdr/swarmdr/internal/config"
	"github.com/swarmdr/swarmdr/internal/store/file"
	"github.com/swarmdr/swarmdr/internal/store/s3"
	"github.com/swarmdr/swarmdr/pkg/snapshot"
)

func newStoreCommand(s *Streams) *cobra.Command {
	return group("store", "Try out the stores", newStoreCheckCommand(s))
}

// storeOptions choose the stores.
type storeOptions struct{ urls []string }

func (o *storeOptions) AddFlags(c *cobra.Command) {
	c.Flags().StringArrayVar(&o.urls, "store", nil, "`URL` of a store, file:///DIR or s3://BUCKET/PREFIX (repeatable; default: those of the configuration)")
}

// open opens the first store: that which is read.
func (o *storeOptions) open(cfg config.Config) (snapshot.Store, error) {
	return openStore(o.chosen(cfg)[0])
}

// openAll opens every store: those that are written.
func (o *storeOptions) openAll(cfg config.Config) ([]snapshot.Store, error) {
	var stores []snapshot.Store
	for _, c := range o.chosen(cfg) {
		s, err := openStore(c)
		if err != nil {
			return nil, err
		}
		stores = append(stores, s)
	}
	return stores, nil
}

// chosen are the stores of the command line, with what the configuration knows
// of them, else all of the configuration.
func (o *storeOptions) chosen(cfg config.Config) []config.Store {
	if len(o.urls) == 0 {
		return cfg.Stores
	}
	var chosen []config.Store
	for _, text := range o.urls {
		store := config.Store{URL: text}
		for _, known := range cfg.Stores {
			if known.URL == text {
				store = known
			}
		}
		chosen = append(chosen, store)
	}
	return chosen
}

// openStore quotes no URL that may hold a password.
func openStore(c config.Store) (snapshot.Store, error) {
	u, err := url.Parse(c.URL)
	if err != nil {
		return nil, usagef("a store is not a URL: want file:///DIRECTORY or s3://BUCKET/PREFIX")
	}
	if u.User != nil {
		return nil, usagef("store %s: credentials stand in the environment or in a file, not in the URL", u.Redacted())
	}
	switch {
	case u.Scheme == "file" && u.Host == "" && filepath.IsAbs(u.Path):
		return file.New(filepath.Clean(u.Path)), nil
	case u.Scheme == "s3":
		return openS3(c)
	}
	return nil, usagef("store %q: want file:///DIRECTORY or s3://BUCKET/PREFIX", c.URL)
}

// openS3 takes endpoint, region and CA from the variables of the AWS tools
// where the configuration does not say.
func openS3(c config.Store) (snapshot.Store, error) {
	bucket, prefix, err := s3.ParseURL(c.URL)
	if err != nil {
		return nil, usagef("store %q: %w", c.URL, err)
	}
	store, err := s3.New(s3.Options{
		Bucket: bucket, Prefix: prefix,
		Endpoint: cmp.Or(c.Endpoint, os.Getenv("AWS_ENDPOINT_URL_S3"), os.Getenv("AWS_ENDPOINT_URL")),
		Region:   cmp.Or(c.Region, os.Getenv("AWS_REGION"), os.Getenv("AWS_DEFAULT_REGION")),
		CAFile:   cmp.Or(c.CAFile, os.Getenv("AWS_CA_BUNDLE")), PathStyle: c.PathStyle, Proxy: c.Proxy,
		CredentialsFile: c.CredentialsFile, Profile: c.Profile,
		SSE: c.SSE, KMSKey: c.KMSKey, StorageClass: c.StorageClass,
		LockMode: c.LockMode, LockFor: time.Duration(c.LockFor),
		UploadLimit: int(c.UploadLimit), DownloadLimit: int(c.DownloadLimit),
		Checksum: c.Checksum, PartSize: int(c.PartSize),
	})
	if err != nil {
		return nil, usagef("store %s: %w", c.URL, err)
	}
	return store, nil
}

// isLocal says that a store needs no spool.
func isLocal(s snapshot.Store) bool {
	_, ok := s.(*file.Store)
	return ok
}
