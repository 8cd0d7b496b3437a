// Evidence over links that are slow, lossy, cut and frozen: one node behind such a link, one beside it that
// must not notice.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "helpers/base/text.h"
#include "helpers/evidence/collection.h"
#include "helpers/evidence/remote_archive.h"
#include "tests/network/collecting.h"
#include "tests/network/proxy.h"

namespace passthrough {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::AllOf;
using testing::AnyOf;
using testing::HasSubstr;

constexpr size_t kLarge = 1u << 20;

class DisturbedNetwork : public testing::Test {
 protected:
  DisturbedNetwork() {
    collecting_.AddProbe("one", "echo hello");
    collecting_.AddProbe("two", fmt::format("head -c {} /dev/zero | tr '\\0' x", kLarge));
  }

  // Whatever still runs for a node removes its files before its server is ended.
  ~DisturbedNetwork() override { server_.WaitUntilIdle(); }

  // Collects from a node behind `proxy` and from one beside it, which must be whole. Gives the first one's error.
  std::string ErrorBehind(const Proxy& proxy) {
    auto outcomes = collecting_.Run({{"far", Through(proxy.port(), server_)}, {"near", server_.account()}});
    EXPECT_EQ(outcomes["near"].error, "");
    ExpectWhole("near");
    return outcomes["far"].error;
  }
  void ExpectWhole(const std::string& node) {
    EXPECT_EQ(collecting_.Load(node).Require("one").text, "hello\n");
    EXPECT_EQ(collecting_.Load(node).Require("two").text, std::string(kLarge, 'x'));
  }
  std::string WhyNotTwo(const std::string& node) {
    try {
      collecting_.Load(node).Require("two");
    } catch (const EvidenceError& error) {
      return error.what();
    }
    return "it is there";
  }

  OpensshServer server_;
  Collecting collecting_;
};

TEST_F(DisturbedNetwork, LatencyOf200MillisecondsEachWay) {
  Proxy::Options options;
  options.latency = milliseconds(200);
  const Proxy proxy(server_.account().port, options);
  EXPECT_EQ(ErrorBehind(proxy), "");
  ExpectWhole("far");
}

TEST_F(DisturbedNetwork, NarrowAndLossy) {
  Proxy::Options options;
  options.latency = milliseconds(20);
  options.bytes_per_second = 512u << 10;
  options.stall_every = 200'000;
  const Proxy proxy(server_.account().port, options);
  EXPECT_EQ(ErrorBehind(proxy), "");
  ExpectWhole("far");
}

TEST_F(DisturbedNetwork, CutInTheMiddleOfAProbesOutput) {
  for (const bool reset : {false, true}) {
    Proxy::Options options;
    options.cut_after = kLarge / 2;
    options.reset = reset;
    const Proxy proxy(server_.account().port, options);
    EXPECT_THAT(ErrorBehind(proxy), AllOf(HasSubstr("connection lost in the middle of probe two's output"),
                                          HasSubstr(fmt::format("@127.0.0.1:{}", proxy.port()))));
    EXPECT_EQ(collecting_.Load("far").Require("one").text, "hello\n");
    EXPECT_THAT(WhyNotTwo("far"), HasSubstr("far: the output of probe two was cut short: connection lost"));
    EXPECT_EQ(proxy.connections(), 1u) << "what a node did is not tried again behind the back of whoever asked";
  }
}

TEST_F(DisturbedNetwork, FrozenInTheMiddleOfAProbesOutput) {
  collecting_.options().keep_alive = milliseconds(1500);
  Proxy::Options options;
  options.freeze_after = kLarge / 2;
  const Proxy proxy(server_.account().port, options);
  EXPECT_THAT(ErrorBehind(proxy), AllOf(HasSubstr("connection lost in the middle of probe two's output"),
                                        HasSubstr("the server was silent for")));
}

TEST_F(DisturbedNetwork, FrozenDuringTheHandshake) {
  collecting_.options().ready_limit = seconds(4);
  Proxy::Options options;
  options.freeze_after = 100;  // the server's version, and a bit of its key exchange
  const Proxy proxy(server_.account().port, options);
  EXPECT_THAT(ErrorBehind(proxy), AllOf(HasSubstr(fmt::format("@127.0.0.1:{}", proxy.port())),
                                        HasSubstr("no success in time"), HasSubstr("key exchange")));
}

TEST_F(DisturbedNetwork, FreezeThatPassesIsWaitedOut) {
  Proxy proxy(server_.account().port);
  proxy.Freeze();
  std::jthread thaw([&] {
    while (proxy.connections() < 2) std::this_thread::sleep_for(milliseconds(20));
    proxy.Thaw();
  });
  EXPECT_EQ(ErrorBehind(proxy), "");
  ExpectWhole("far");
}

// Wherever a connection ends, the result is an error that says so or all of the evidence, never a part as a whole.
TEST_F(DisturbedNetwork, CutAtAnyByte) {
  const std::vector<std::string> probes = {"one", "three"};
  collecting_.AddProbe("three", "head -c 5000 /dev/zero | tr '\\0' y");
  const std::string archive = BuildRemoteArchive(collecting_.options().remote_directory, probes);
  const auto collect = [&](const Proxy& proxy) {
    const Deadline deadline = Deadline::After(seconds(60));
    try {
      SshSession session = SshSession::Connect(Through(proxy.port(), server_), nullptr, collecting_.keys(), deadline);
      const RemoteExec exec = [&](const std::string& command, const ExecOptions& options, const Deadline& until) {
        return session.Exec(command, options, until);
      };
      return CollectByExec(exec, archive, probes, deadline);
    } catch (const SshError& error) {
      Collection nothing;
      nothing.error = error.what();
      return nothing;
    }
  };
  size_t all = 0;
  {
    const Proxy proxy(server_.account().port);
    ASSERT_EQ(collect(proxy).error, "");
    all = proxy.bytes_to_clients();
  }
  std::vector<size_t> cuts;
  for (size_t cut = 0; cut < 60; cut += 6) cuts.push_back(cut);  // the server's first words
  for (size_t cut = 60; cut < all; cut += all / 40) cuts.push_back(cut);
  size_t failed = 0;
  for (size_t i = 0; i < cuts.size(); ++i) {
    Proxy::Options options;
    options.cut_after = cuts[i];
    options.reset = i % 2 == 1;
    const Proxy proxy(server_.account().port, options);
    SCOPED_TRACE(fmt::format("cut after {} of {} bytes", cuts[i], all));
    const Collection got = collect(proxy);
    EXPECT_EQ(Printable(got.error), got.error);
    failed += got.error.empty() ? 0 : 1;
    const bool whole = got.probes.size() == 2 && got.probes[1].complete;
    EXPECT_TRUE(whole || !got.error.empty());
    for (const ProbeOutput& output : got.probes) {
      if (!output.complete) continue;
      EXPECT_EQ(output.text, output.probe == "one" ? "hello\n" : std::string(5000, 'y'));
    }
  }
  EXPECT_GT(failed, cuts.size() / 2);
  RecordProperty("cuts", static_cast<int>(cuts.size()));
}

// --- through a jump host ---

TEST_F(DisturbedNetwork, JumpHostThatIsCutOffServesTheNextNode) {
  const OpensshServer jump_server;
  Proxy proxy(jump_server.account().port);
  JumpHost jump(Through(proxy.port(), jump_server), collecting_.keys(), Deadline::After(seconds(60)));
  collecting_.options().jump = &jump;
  EXPECT_EQ(collecting_.Run({{"before", server_.account()}})["before"].error, "");
  proxy.CutAll();
  EXPECT_EQ(collecting_.Run({{"after", server_.account()}})["after"].error, "");
  ExpectWhole("after");
  EXPECT_EQ(proxy.connections(), 2u);
}

TEST_F(DisturbedNetwork, JumpHostThatFreezesIsNoticedAndReplaced) {
  const OpensshServer jump_server;
  Proxy proxy(jump_server.account().port);
  JumpHost jump(Through(proxy.port(), jump_server), collecting_.keys(), Deadline::After(seconds(60)),
                milliseconds(1500));
  collecting_.options().jump = &jump;
  proxy.Freeze();
  std::jthread thaw([&] {
    // The new connection can only come after the old one was given up.
    while (proxy.connections() < 2) std::this_thread::sleep_for(milliseconds(20));
    proxy.Thaw();
  });
  EXPECT_EQ(collecting_.Run({{"node", server_.account()}})["node"].error, "");
  ExpectWhole("node");
}

TEST_F(DisturbedNetwork, NodesWhoseJumpHostDiesMidwaySayWhichAndWhy) {
  const OpensshServer jump_server;
  Proxy::Options options;
  options.cut_after = kLarge / 2;
  const Proxy proxy(jump_server.account().port, options);
  JumpHost jump(Through(proxy.port(), jump_server), collecting_.keys(), Deadline::After(seconds(60)));
  collecting_.options().jump = &jump;
  auto outcomes = collecting_.Run({{"a", server_.account()}, {"b", server_.account()}});
  // The first cut takes both; a node that had not begun by then gets in by the second connection, and is cut too.
  for (const char* node : {"a", "b"}) {
    EXPECT_THAT(outcomes[node].error, HasSubstr("connection lost")) << node;
    EXPECT_THAT(WhyNotTwo(node), HasSubstr(std::string(node) + ": "));
  }
}

}  // namespace
}  // namespace passthrough
