// Link: how a broken connection is noticed.
#include "helpers/ssh/link.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "helpers/base/error.h"
#include "helpers/ssh/handshake.h"
#include "helpers/ssh/host_keys.h"
#include "helpers/ssh/tcp.h"
#include "tests/ssh/openssh_server.h"

namespace passthrough {
namespace {

using testing::HasSubstr;

Deadline Soon() { return Deadline::After(std::chrono::seconds(60)); }

TEST(Link, AConnectionThatBreaksWhileSomethingIsSentIsNotWaitedFor) {
  OpensshServer server;
  HostKeys keys("", "");
  const SshAccount account = server.account();
  Link link(Handshake(Descriptor(ConnectTcp(account.host, account.port, Soon())), account, keys, Soon()), "node");
  server.KillSessions();
  const Deadline deadline = Soon();
  while (ssh_is_connected(link.session()) != 0) {
    deadline.Check("a write that fails");
    ssh_send_ignore(link.session(), "are you there?");
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  try {
    link.Wait(deadline, "an answer");
    ADD_FAILURE() << "no SshError";
  } catch (const SshError& error) {
    EXPECT_THAT(error.what(), HasSubstr("node: the connection broke"));
  }
}

}  // namespace
}  // namespace passthrough
