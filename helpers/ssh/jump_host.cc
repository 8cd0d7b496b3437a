#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

#include "helpers/ssh/handshake.h"
#include "helpers/ssh/jump_connection.h"
#include "helpers/ssh/ssh_session_impl.h"
#include "helpers/ssh/tcp.h"

namespace passthrough {
namespace {

std::shared_ptr<JumpConnection> ConnectJump(Descriptor stream, const SshAccount& account, HostKeys& host_keys,
                                            std::chrono::milliseconds keep_alive, const Deadline& deadline) {
  Link link(Handshake(std::move(stream), account, host_keys, deadline), AccountName(account));
  link.keep_alive().set_interval(keep_alive);
  return std::make_shared<JumpConnection>(std::move(link));
}

}  // namespace

// Has one connection at a time. Where it broke, a thread makes a new one, under a limit of its own: who
// waits for a tunnel may have less time than a handshake with a busy machine takes, and finds the new
// connection the next time.
struct JumpHost::Impl {
  Impl(const SshAccount& account_of_host, HostKeys& keys, std::chrono::milliseconds keep_alive_interval)
      : account(account_of_host), host_keys(keys), keep_alive(keep_alive_interval) {}

  ~Impl() {
    {
      const std::lock_guard lock(mutex);
      if (handshake) shutdown(handshake.get(), SHUT_RDWR);  // ends it
      stopping = true;
    }
    if (connector.joinable()) connector.join();
  }

  std::shared_ptr<JumpConnection> Current() {
    const std::lock_guard lock(mutex);
    return connection;
  }

  // The connection that came after `broken`, made now where there is none.
  std::shared_ptr<JumpConnection> After(const std::shared_ptr<JumpConnection>& broken, const Deadline& deadline,
                                        const std::string& what) {
    std::unique_lock lock(mutex);
    if (connection == broken && !connecting) {
      if (connector.joinable()) connector.join();  // it is done
      connecting = true;
      connector = std::thread([this] { ConnectAgain(); });
    }
    while (connecting) {
      deadline.Check(what, "the connection to the jump host broke and is being made again");
      connected.wait_for(lock, std::chrono::milliseconds(deadline.LeftMilliseconds(100)));
    }
    if (connection != broken) return connection;
    throw SshError(
        fmt::format("{}: no connection to the jump host any more, and none could be made: {}", what, problem));
  }

  void ConnectAgain() {
    std::shared_ptr<JumpConnection> made;
    std::string failure;
    try {
      Descriptor stream = ConnectTcp(account.host, account.port, Deadline::After(kReconnectTcpLimit));
      {
        const std::lock_guard lock(mutex);
        if (stopping) throw SshError("it was closed");
        handshake.Reset(fcntl(stream.get(), F_DUPFD_CLOEXEC, 0));
      }
      made = ConnectJump(std::move(stream), account, host_keys, keep_alive, Deadline::After(kReconnectLimit));
    } catch (const Error& error) {
      failure = error.what();
    }
    const std::lock_guard lock(mutex);
    handshake.Reset();
    if (made != nullptr) connection = std::move(made);
    problem = std::move(failure);
    connecting = false;
    connected.notify_all();
  }

  static constexpr std::chrono::seconds kReconnectTcpLimit{10};
  static constexpr std::chrono::seconds kReconnectLimit{60};  // as slow as a starved server is

  const SshAccount account;
  HostKeys& host_keys;
  const std::chrono::milliseconds keep_alive;
  // All below: with mutex held.
  std::mutex mutex;
  std::condition_variable connected;
  std::shared_ptr<JumpConnection> connection;
  bool connecting = false;
  bool stopping = false;
  Descriptor handshake;  // of the connection that is being made
  std::string problem;   // why the last one could not be made
  std::thread connector;
};

JumpHost::JumpHost(const SshAccount& account, HostKeys& host_keys, const Deadline& deadline,
                   std::chrono::milliseconds keep_alive)
    : impl_(std::make_unique<Impl>(account, host_keys, keep_alive)) {
  impl_->connection =
      ConnectJump(ConnectTcp(account.host, account.port, deadline), impl_->account, host_keys, keep_alive, deadline);
}

JumpHost::~JumpHost() = default;

int JumpHost::OpenTunnel(const std::string& host, uint16_t port, const Deadline& deadline) {
  const std::string what = fmt::format("connecting to {} port {} through {}", host, port, AccountName(impl_->account));
  const auto connection = impl_->Current();
  try {
    return connection->Open(host, port, deadline, what);
  } catch (const JumpLinkError&) {
    return impl_->After(connection, deadline, what)->Open(host, port, deadline, what);
  }
}

}  // namespace passthrough
