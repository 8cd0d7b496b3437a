// The bad network itself: a test that it does not disturb tells nothing.
#include "tests/network/proxy.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <cerrno>
#include <string>
#include <thread>

#include "helpers/base/deadline.h"
#include "helpers/base/descriptor.h"
#include "tests/ssh/relay.h"

namespace passthrough {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// Sends `text` to whoever connects, and then ends.
class Sender {
 public:
  explicit Sender(std::string text)
      : listener_(Listen(&port)), thread_([this, text] {
          const Descriptor client(accept(listener_.get(), nullptr, nullptr));
          if (client) send(client.get(), text.data(), text.size(), MSG_NOSIGNAL);
        }) {}
  ~Sender() { shutdown(listener_.get(), SHUT_RDWR); }
  uint16_t port = 0;

 private:
  Descriptor listener_;
  std::jthread thread_;
};

// All that comes, and in *error how it ended: 0 for an orderly end, EAGAIN for nothing in `patience`.
std::string Receive(uint16_t port, int* error, milliseconds patience = seconds(60)) {
  const Descriptor fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const timeval limit = {patience.count() / 1000, patience.count() % 1000 * 1000};
  setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  // A reset that comes at once may overtake even the word that the connection is there.
  if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    *error = errno;
    return "";
  }
  std::string all;
  char piece[4096];
  ssize_t count;
  while ((count = recv(fd.get(), piece, sizeof piece, 0)) > 0) all.append(piece, static_cast<size_t>(count));
  *error = count == 0 ? 0 : errno;
  return all;
}

const std::string kText(100'000, 'x');

TEST(ProxyTest, PassesEverything) {
  Sender sender(kText);
  const Proxy proxy(sender.port);
  int error = -1;
  EXPECT_EQ(Receive(proxy.port(), &error), kText);
  EXPECT_EQ(error, 0);
  EXPECT_EQ(proxy.bytes_to_clients(), kText.size());
  EXPECT_EQ(proxy.connections(), 1u);
}

TEST(ProxyTest, IsNeverFasterThanItsLimits) {
  Sender sender(kText);
  Proxy::Options options;
  options.latency = milliseconds(200);
  options.bytes_per_second = 200'000;
  options.stall_every = 50'000;
  options.stall = milliseconds(100);
  const Proxy proxy(sender.port, options);
  const auto begin = Deadline::Clock::now();
  int error = -1;
  EXPECT_EQ(Receive(proxy.port(), &error), kText);
  // 0.2 s of latency, 0.5 s of sending, two stalls. How much longer it takes is the machine's matter.
  EXPECT_GE(Deadline::Clock::now() - begin, milliseconds(900));
}

TEST(ProxyTest, CutsAfterExactlySoManyBytes) {
  for (const size_t most : {0u, 1u, 8191u, 8192u, 50'000u}) {
    for (const bool reset : {false, true}) {
      Sender sender(kText);
      Proxy::Options options;
      options.cut_after = most;
      options.reset = reset;
      const Proxy proxy(sender.port, options);
      int error = -1;
      const std::string got = Receive(proxy.port(), &error);
      EXPECT_EQ(error, reset ? ECONNRESET : 0);
      // A reset may overtake what was sent before it.
      if (!reset) {
        EXPECT_EQ(got.size(), most);
      }
      EXPECT_LE(got.size(), most);
      EXPECT_EQ(proxy.bytes_to_clients(), most);
    }
  }
}

TEST(ProxyTest, FreezesWithoutAWord) {
  Sender sender(kText);
  Proxy::Options options;
  options.freeze_after = 10'000;
  const Proxy proxy(sender.port, options);
  int error = -1;
  EXPECT_EQ(Receive(proxy.port(), &error, seconds(1)).size(), 10'000u);
  EXPECT_EQ(error, EAGAIN);
}

}  // namespace
}  // namespace passthrough
