// Package quic stands in for the QUIC library of go-micro v2, which ends every program that Go of today builds with it
// before it begins. go-micro names it as the default transport of its tunnel; here another one is used.
package quic

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"time"
)

var errNone = errors.New("there is no QUIC in this program")

type Config struct {
	KeepAlive   bool
	IdleTimeout time.Duration
}

type Stream interface {
	io.ReadWriteCloser
	SetReadDeadline(time.Time) error
	SetWriteDeadline(time.Time) error
}

type Session interface {
	LocalAddr() net.Addr
	RemoteAddr() net.Addr
	AcceptStream(context.Context) (Stream, error)
	OpenStreamSync(context.Context) (Stream, error)
	Close() error
}

type Listener interface {
	Close() error
	Addr() net.Addr
	Accept(context.Context) (Session, error)
}

func DialAddr(addr string, tlsConf *tls.Config, config *Config) (Session, error) { return nil, errNone }

func ListenAddr(addr string, tlsConf *tls.Config, config *Config) (Listener, error) {
	return nil, errNone
}
