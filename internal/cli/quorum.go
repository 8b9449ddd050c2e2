package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/spf13/cobra"
	"github.com/swarmdr/swarmdr/internal/config"
	"github.com/swarmdr/swarmdr/internal/engine"
	"github.com/swarmdr/swarmdr/internal/quorum"
	"github.com/swarmdr/swarmdr/internal/quorum/probe"
	"github.com/swarmdr/swarmdr/pkg/raftlog"
	"github.com/swarmdr/swarmdr/pkg/snapshot"
)

// apiLimit bounds what the API is asked: without a leader it takes 20 s to
// say so.
const apiLimit = 5 * time.Second

type quorumOptions struct {
	configOptions
	hostOptions
	keyOptions
	outputOptions
}

func newQuorumCommand(s *Streams) *cobra.Command {
	o := quorumOptions{}
	c := &cobra.Command{
		Use:   "quorum",
		Short: "Tell how many more managers may fail",
		Long: `Count the managers and those that are reachable, and tell how many more may fail
and whether this one can be stopped safely.

The swarm's API is asked first. When it has no leader, the voters are read from
the raft log on disk and asked on their own ports.

Exit codes, as Nagios plugins use them:
  0    ok: one or more managers may fail, and all are reachable
  1    warning: there is a quorum, and something is wrong
  2    critical: no quorum, or no leader
  3    unknown: nothing could be asked, or bad usage
`,
		Example: `  swarmdr quorum
  swarmdr quorum -o json`,
		Args:        cobra.NoArgs,
		Annotations: map[string]string{nagiosCodes: "yes"},
		RunE: func(c *cobra.Command, _ []string) error {
			return runQuorum(c.Context(), s, &o)
		},
	}
	o.configOptions.AddFlags(c)
	o.hostOptions.AddFlags(c)
	o.keyOptions.AddFlags(c)
	o.outputOptions.AddFlags(c)
	return c
}

func runQuorum(ctx context.Context, s *Streams, o *quorumOptions) error {
	if err := o.Validate(); err != nil {
		return err
	}
	cfg, err := o.load()
	if err != nil {
		return err
	}
	client, err := engine.Connect(o.hostOptions.resolve(cfg), engine.Options{})
	if err != nil {
		return err
	}
	defer client.Close()
	self, view, err := o.look(ctx, cfg, client)
	if err != nil {
		return err
	}
	verdict := quorum.Judge(view)
	if err := printQuorum(s, verdict, self, o.json()); err != nil {
		return err
	}
	if verdict.Status != quorum.StatusOK {
		return exitStatus{int(verdict.Status)}
	}
	return nil
}

// look asks the API, and the log on disk and the ports when it does not answer.
func (o *quorumOptions) look(ctx context.Context, cfg config.Config, client *engine.Client) (self string, view quorum.View, err error) {
	self, view, err = o.lookAtAPI(ctx, client)
	if err == nil || errors.Is(err, errNoSwarm) {
		return self, view, err
	}
	slog.Info("the API does not tell", "err", err)
	return o.lookAtLog(ctx, cfg)
}

var errNoSwarm = errors.New("this node is not part of a swarm")

func (o *quorumOptions) lookAtAPI(ctx context.Context, client *engine.Client) (self string, view quorum.View, err error) {
	limited, cancel := context.WithTimeout(ctx, apiLimit)
	defer cancel()
	st, err := client.Status(limited)
	if err != nil {
		return "", view, err
	}
	if st.State == engine.StateInactive {
		return "", view, errNoSwarm
	}
	if view, err = client.Quorum(limited); err != nil {
		return "", view, err
	}
	return st.NodeID, o.combine(ctx, view, st.NodeID), nil
}

// combine adds what the ports of the other managers say to what the leader
// says, which keeps listing the dead as reachable for some seconds.
func (o *quorumOptions) combine(ctx context.Context, view quorum.View, self string) quorum.View {
	for i, r := range probe.Peers(ctx, addresses(view.Voters), 0) {
		v := &view.Voters[i]
		if v.ID != self {
			v.Reach = quorum.Combine(v.Reach, r.Reach(v.ID))
		}
	}
	return view
}

func (o *quorumOptions) lookAtLog(ctx context.Context, cfg config.Config) (self string, view quorum.View, err error) {
	dir, err := swarmDir(ctx, cfg, o.hostOptions.resolve(cfg))
	if err != nil {
		return "", view, err
	}
	key, err := o.keyOptions.read(ctx, cfg)
	if err != nil {
		return "", view, err
	}
	proof, err := snapshot.ProveLive(dir, key)
	if err != nil {
		return "", view, err
	}
	self = proof.Contents.NodeID
	for _, m := range proof.State.Members {
		view.Voters = append(view.Voters, quorum.Voter{ID: m.NodeID, Hostname: hostname(proof.State, m.NodeID), Addr: m.Addr})
	}
	for i, r := range probe.Peers(ctx, addresses(view.Voters), 0) {
		view.Voters[i].Reach = r.Reach(view.Voters[i].ID)
	}
	return self, view, nil
}

func addresses(voters []quorum.Voter) []string {
	var addrs []string
	for _, v := range voters {
		addrs = append(addrs, v.Addr)
	}
	return addrs
}

func hostname(st *raftlog.State, nodeID string) string {
	n, _ := st.Object(raftlog.KindNode, nodeID)
	return n.Name
}

type jsonQuorum struct {
	Status     string      `json:"status"`
	Voters     int         `json:"voters"`
	Reachable  int         `json:"reachable"`
	Majority   int         `json:"majority"`
	MayFail    int         `json:"may_fail"`
	HasQuorum  bool        `json:"has_quorum"`
	SafeToStop bool        `json:"safe_to_stop"`
	Why        string      `json:"why_not_safe,omitempty"`
	Warnings   []string    `json:"warnings"`
	Managers   []jsonVoter `json:"managers"`
}

type jsonVoter struct {
	NodeID   string `json:"node_id"`
	Hostname string `json:"hostname"`
	Addr     string `json:"addr"`
	Reach    string `json:"reach"`
	Leader   bool   `json:"leader"`
	Self     bool   `json:"self"`
}

func printQuorum(s *Streams, v quorum.Verdict, self string, asJSON bool) error {
	safe, why := v.SafeToStop(self)
	if !asJSON {
		fmt.Fprint(s.Out, v.Describe())
		if safe {
			_, err := fmt.Fprintln(s.Out, "this manager can be stopped safely")
			return err
		}
		_, err := fmt.Fprintf(s.Out, "this manager cannot be stopped safely: %s\n", why)
		return err
	}
	out := jsonQuorum{
		v.Status.String(), v.Voters, v.Reachable, v.Majority, v.MayFail, v.HasQuorum, safe, why,
		append([]string{}, v.Warnings...), []jsonVoter{},
	}
	for _, m := range v.View.Voters {
		out.Managers = append(out.Managers, jsonVoter{m.ID, m.Hostname, m.Addr, m.Reach.String(), m.Leader, m.ID == self})
	}
	return writeJSON(s.Out, out)
}
