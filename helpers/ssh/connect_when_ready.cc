#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <utility>

#include "helpers/base/wait.h"
#include "helpers/ssh/handshake.h"
#include "helpers/ssh/ssh_errors.h"
#include "helpers/ssh/ssh_session_impl.h"

namespace passthrough {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// A host that is not up yet may drop what is sent to it: the system asks again after 1, 3, 7 s, we
// ask anew.
constexpr seconds kConnectLimit{1};
// A server in slow emulation needs seconds from the connection to its first word, and more to the
// end of the handshake. But a connection may also have been accepted by a forwarder, whose other
// side was not up: so another one is tried beside it. Each costs a starved server more time, and one
// that is given up has cost it for nothing: so the patience doubles with each.
constexpr seconds kSilenceBeforeAnother{3};
constexpr seconds kLongestSilence{150};
constexpr seconds kFirstHandshakeLimit{30};
constexpr seconds kLongestHandshakeLimit{120};  // OpenSSH's LoginGraceTime
constexpr size_t kMostStreams = 4;
constexpr seconds kRefusedLimit{5};
constexpr milliseconds kLongestPause{500};

constexpr char kSilence[] = "connected, but the server says nothing";

using WaitReport = std::function<void(std::string_view cause)>;

// Streams to one server that has not spoken yet.
class SilentStreams {
 public:
  SilentStreams(const SshAccount& account, JumpHost* jump, const WaitReport& on_wait)
      : account_(account), jump_(jump), on_wait_(on_wait) {}

  // Gives a stream on which the server has begun to speak. Throws SshError where there is none left
  // to wait for, TimeoutError, InterruptedError.
  Descriptor WaitForFirst(const Deadline& deadline) {
    while (true) {
      if (streams_.empty()) {
        Open(deadline);
      } else if (streams_.size() < kMostStreams && Age(streams_.back()) > patience_) {
        patience_ *= 2;
        try {
          Open(deadline);
        } catch (const SshError&) {  // those that are there may still speak
          streams_.back().since = Deadline::Clock::now();
        }
      }
      deadline.Check(what(), streams_.empty() ? problem_ : kSilence);
      if (auto stream = Look(deadline)) return *std::move(stream);
      if (streams_.empty()) {
        throw SshError(fmt::format("cannot connect to {}: {}", AccountName(account_), problem_));
      }
      if (on_wait_) on_wait_(kSilence);
    }
  }

  std::string what() const { return fmt::format("SSH server of {}", AccountName(account_)); }

 private:
  struct Stream {
    Descriptor fd;
    Deadline::Clock::time_point since;
    Deadline::Clock::time_point opened;
  };

  static Deadline::Clock::duration Age(const Stream& stream) { return Deadline::Clock::now() - stream.since; }

  void Open(const Deadline& deadline) {
    const auto now = Deadline::Clock::now();
    try {
      streams_.push_back({OpenStream(account_, jump_, deadline.OrAfter(kConnectLimit)), now, now});
    } catch (const TimeoutError& error) {
      throw SshError(error.what());
    }
  }

  // Waits a moment for any stream; drops those that ended.
  std::optional<Descriptor> Look(const Deadline& deadline) {
    std::vector<pollfd> sources;
    for (const auto& stream : streams_) sources.push_back({stream.fd.get(), POLLIN, 0});
    poll(sources.data(), sources.size(), deadline.LeftMilliseconds(Deadline::kPollAgain));
    auto source = sources.begin();
    for (auto stream = streams_.begin(); stream != streams_.end(); ++source) {
      char first;
      const ssize_t count = source->revents == 0 ? -1 : recv(stream->fd.get(), &first, 1, MSG_PEEK | MSG_DONTWAIT);
      if (count > 0) {
        Descriptor speaks = std::move(stream->fd);
        streams_.erase(stream);
        return speaks;
      }
      const bool too_old = Deadline::Clock::now() - stream->opened > kLongestSilence;
      if (source->revents == 0 && !too_old) {
        ++stream;
        continue;
      }
      problem_ = too_old      ? kSilence
                 : count == 0 ? "the connection was closed before the server spoke"
                              : strerror(errno);
      stream = streams_.erase(stream);
    }
    return std::nullopt;
  }

  const SshAccount& account_;
  JumpHost* jump_;
  const WaitReport& on_wait_;
  std::list<Stream> streams_;  // oldest first
  std::string problem_;
  seconds patience_ = kSilenceBeforeAnother;
};

}  // namespace

SshSession ConnectWhenReady(const SshAccount& account, JumpHost* jump, HostKeys& host_keys, const Deadline& deadline,
                            const WaitReport& on_wait) {
  SilentStreams streams(account, jump, on_wait);
  BackOff back_off(kLongestPause);
  std::string last_cause;
  std::optional<Deadline> refused_until;
  seconds handshake_limit = kFirstHandshakeLimit;
  while (true) {
    deadline.Check(streams.what(), last_cause);
    try {
      return SshSession::ConnectOn(streams.WaitForFirst(deadline).Release(), account, host_keys,
                                   deadline.OrAfter(handshake_limit));
    } catch (const SshSetupError&) {
      throw;
    } catch (const SshRefusedError& error) {
      if (refused_until && refused_until->Passed()) throw;
      if (!refused_until) refused_until = Deadline::After(kRefusedLimit);
      last_cause = error.what();
    } catch (const SshError& error) {
      last_cause = error.what();
    } catch (const TimeoutError& error) {
      if (last_cause.empty() && deadline.Passed()) throw;  // it has its own cause
      if (!deadline.Passed()) last_cause = error.what();
      handshake_limit = std::min(2 * handshake_limit, kLongestHandshakeLimit);
    }
    if (on_wait) on_wait(last_cause);
    back_off.Sleep(deadline);
  }
}

}  // namespace passthrough
