#include "helpers/ssh/ssh_session.h"

#include <fmt/format.h>

#include <utility>

#include "helpers/ssh/exec.h"
#include "helpers/ssh/handshake.h"
#include "helpers/ssh/ssh_session_impl.h"
#include "helpers/ssh/tcp.h"

namespace passthrough {

Descriptor OpenStream(const SshAccount& account, JumpHost* jump, const Deadline& deadline) {
  if (jump != nullptr) return Descriptor(jump->OpenTunnel(account.host, account.port, deadline));
  return ConnectTcp(account.host, account.port, deadline);
}

SshSession::SshSession(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
SshSession::~SshSession() = default;
SshSession::SshSession(SshSession&&) noexcept = default;
SshSession& SshSession::operator=(SshSession&&) noexcept = default;

SshSession SshSession::Connect(const SshAccount& account, JumpHost* jump, HostKeys& host_keys,
                               const Deadline& deadline) {
  return ConnectOn(OpenStream(account, jump, deadline).Release(), account, host_keys, deadline);
}

SshSession SshSession::ConnectOn(int stream, const SshAccount& account, HostKeys& host_keys, const Deadline& deadline) {
  SessionHandle session = Handshake(Descriptor(stream), account, host_keys, deadline);
  return SshSession(std::make_unique<Impl>(Impl{Link(std::move(session), AccountName(account))}));
}

ExecResult SshSession::Exec(const std::string& command, const ExecOptions& options, const Deadline& deadline) {
  return ExecOn(impl_->link, std::exchange(impl_->had_channel, true), command, options, deadline);
}

}  // namespace passthrough
