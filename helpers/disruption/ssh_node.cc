#include "helpers/disruption/ssh_node.h"

#include <chrono>
#include <utility>

#include "helpers/actions/action.h"
#include "helpers/base/deadline.h"

namespace passthrough {
namespace {

constexpr std::chrono::seconds kOneAttempt{20};

class SshNodeSession : public NodeSession {
 public:
  SshNodeSession(SshSession session, std::filesystem::path remote_directory)
      : session_(std::move(session)), remote_directory_(std::move(remote_directory)) {}
  ExecResult Run(const std::string& action, const std::vector<std::string>& arguments,
                 const Deadline& deadline) override {
    const RemoteExec exec = [this](const std::string& command, const ExecOptions& options, const Deadline& until) {
      return session_.Exec(command, options, until);
    };
    return RunAction(exec, MakeAction(remote_directory_, action, arguments), deadline);
  }

 private:
  SshSession session_;
  const std::filesystem::path remote_directory_;
};

class SshNode : public NodeAccess {
 public:
  SshNode(SshAccount account, CollectOptions collect) : account_(std::move(account)), collect_(std::move(collect)) {}

  std::unique_ptr<NodeSession> Connect(const Deadline& deadline) override {
    return Session(ConnectWhenReady(account_, collect_.jump, *collect_.host_keys, deadline));
  }
  std::unique_ptr<NodeSession> TryConnect() override {
    return Session(SshSession::Connect(account_, collect_.jump, *collect_.host_keys, Deadline::After(kOneAttempt)));
  }
  std::string Host() const override { return account_.host; }
  void MoveTo(const std::string& host) override {
    collect_.host_keys->Expect(KnownHostsName(host, account_.port), KnownHostsName(account_.host, account_.port));
    account_.host = host;
  }
  void TakeSnapshot(const std::string& snapshot) override {
    Collect({{.node = snapshot, .account = account_}}, collect_,
            Deadline::After(collect_.ready_limit + collect_.collect_limit));
  }

 private:
  std::unique_ptr<NodeSession> Session(SshSession session) {
    return std::make_unique<SshNodeSession>(std::move(session), collect_.remote_directory);
  }

  SshAccount account_;  // at the address that the node has now
  const CollectOptions collect_;
};

}  // namespace

std::unique_ptr<NodeAccess> OpenSshNode(const SshAccount& account, const CollectOptions& collect,
                                        const std::filesystem::path& evidence_directory,
                                        const std::function<void(const std::string&)>& report) {
  CollectOptions options = collect;
  options.evidence_directory = evidence_directory;
  options.on_progress = [report](const std::string& snapshot, const std::string& what) {
    report(snapshot + ": " + what);
  };
  return std::make_unique<SshNode>(account, options);
}

}  // namespace passthrough
