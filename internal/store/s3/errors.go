package s3

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/minio/minio-go/v7"
)

// Error is a refusal by the server, in its words.
type Error struct {
	Status  int    // of HTTP
	Code    string // of S3, as in SignatureDoesNotMatch
	Message string
}

func (e *Error) Error() string {
	if e.Code == "" || strings.HasPrefix(e.Code, fmt.Sprint(e.Status)) {
		return fmt.Sprintf("%s (%d)", e.Message, e.Status)
	}
	return fmt.Sprintf("%s (%s, %d)", e.Message, e.Code, e.Status)
}

// plain turns an error of minio-go into ours: no URL, for the bucket and the
// name are said already.
func plain(err error) error {
	if err == nil {
		return nil
	}
	var refused minio.ErrorResponse
	if errors.As(err, &refused) {
		return &Error{refused.StatusCode, refused.Code, strings.TrimSuffix(strings.TrimSpace(refused.Error()), ".")}
	}
	var request *url.Error
	if errors.As(err, &request) {
		return request.Err
	}
	return err
}

// status is the HTTP status of a refusal, 0 of any other error.
func status(err error) int {
	var refused minio.ErrorResponse
	var ours *Error
	switch {
	case errors.As(err, &refused):
		return refused.StatusCode
	case errors.As(err, &ours):
		return ours.Status
	}
	return 0
}

func code(err error) string {
	var refused minio.ErrorResponse
	var ours *Error
	switch {
	case errors.As(err, &refused):
		return refused.Code
	case errors.As(err, &ours):
		return ours.Code
	}
	return ""
}

func missing(err error) bool {
	return status(err) == http.StatusNotFound && code(err) != minio.NoSuchBucket
}
