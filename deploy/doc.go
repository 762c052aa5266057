// Package deploy holds no code: it is the folder of what a deployment is made of, and its tests hold those files to
// what they promise.
//
// nats.conf is the broker of compose.yaml and the reference for users and permissions. What must hold: nobody without
// a password connects; a strategy sends commands, asks and listens, and by no way writes what services say or uses
// the JetStream API; an acknowledged message is on disk; memory and files are bounded. A file that breaks one of
// these fails its test here, before any container runs.
//
// compose.yaml, in the root of the repository, is held to its own: reachable from this machine alone, nothing as root
// but a chown, nothing writable but volumes, everything bounded.
package deploy
