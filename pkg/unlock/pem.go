package unlock

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"maps"
	"strconv"
	"strings"
)

// Headers of a node key file (swarmkit ca/keyreadwriter.go, manager/deks.go).
const (
	headerKEKVersion    = "kek-version"
	headerDEK           = "raft-dek"
	headerPendingDEK    = "raft-dek-pending"
	headerNeedsRotation = "raft-dek-needs-rotation"
)

// maxFileSize bounds the work on a foreign file; a real one is below 1 KiB.
const maxFileSize = 64 << 10

// keyFile is a node key file with nothing decrypted.
type keyFile struct {
	file    []byte
	start   int
	block   *pem.Block
	format  string
	current *record
	pending *record

	kekVersion    uint64
	needsRotation bool
}

func parseKeyFile(file []byte) (*keyFile, error) {
	if len(file) > maxFileSize {
		return nil, &FormatError{Part: "file", What: fmt.Sprintf("it has %d bytes, more than any node key", len(file))}
	}
	block, rest := pem.Decode(file)
	if block == nil {
		return nil, &FormatError{Part: "file", What: "there is no PEM block in it"}
	}
	start := bytes.LastIndex(file[:len(file)-len(rest)], []byte("-----BEGIN"))
	f := &keyFile{file: file, start: start, block: block}
	return f, f.parse()
}

func (f *keyFile) parse() (err error) {
	if f.format, err = f.parseType(); err != nil {
		return err
	}
	if f.kekVersion, err = f.parseKEKVersion(); err != nil {
		return err
	}
	if f.current, err = f.parseDEK(headerDEK); err != nil {
		return err
	}
	if f.pending, err = f.parseDEK(headerPendingDEK); err != nil {
		return err
	}
	if f.pending != nil && f.current == nil {
		return f.headerError(headerPendingDEK, "there is a pending DEK but no current DEK")
	}
	_, f.needsRotation = f.block.Headers[headerNeedsRotation]
	return nil
}

func (f *keyFile) parseType() (string, error) {
	switch f.block.Type {
	case typeSEC1:
		return FormatPKCS1, nil
	case typePKCS8, typePKCS8Locked:
		return FormatPKCS8, nil
	}
	return "", &FormatError{Part: "PEM block", Offset: f.start, What: fmt.Sprintf("it holds %.40q, not a private key of a node", f.block.Type)}
}

func (f *keyFile) parseKEKVersion() (uint64, error) {
	value, ok := f.block.Headers[headerKEKVersion]
	if !ok {
		return 0, nil
	}
	version, err := strconv.ParseUint(value, 10, 64)
	if err != nil {
		return 0, f.headerError(headerKEKVersion, "it is no decimal number")
	}
	return version, nil
}

func (f *keyFile) parseDEK(name string) (*record, error) {
	value, ok := f.block.Headers[name]
	if !ok {
		return nil, nil
	}
	raw, err := base64.StdEncoding.DecodeString(value)
	if err != nil {
		return nil, f.headerError(name, "it is no base64")
	}
	r, err := parseRecord(raw)
	if err != nil {
		return nil, f.headerError(name, err.Error())
	}
	return r, nil
}

func (f *keyFile) locked() bool {
	return f.bodyLocked() || f.current.encrypted() || f.pending.encrypted()
}

func (f *keyFile) bodyLocked() bool {
	//nolint:staticcheck // SA1019: the engine's file format is RFC 1423, deprecated or not
	return f.block.Type == typePKCS8Locked || x509.IsEncryptedPEMBlock(f.block)
}

// foreignHeaders are those that this package gives no meaning to.
func (f *keyFile) foreignHeaders() map[string]string {
	foreign := maps.Clone(f.block.Headers)
	maps.DeleteFunc(foreign, func(name, _ string) bool {
		switch strings.ToLower(strings.TrimSpace(name)) {
		case headerKEKVersion, headerDEK, headerPendingDEK, headerNeedsRotation, "proc-type", "dek-info":
			return true
		}
		return false
	})
	return foreign
}

func (f *keyFile) headerError(name, what string) *FormatError {
	return &FormatError{Part: "header " + name, Offset: f.headerOffset(name), What: what}
}

func (f *keyFile) headerOffset(name string) int {
	at := bytes.Index(f.file[f.start:], []byte("\n"+name+":"))
	if at < 0 {
		return f.start
	}
	return f.start + at + 1
}
