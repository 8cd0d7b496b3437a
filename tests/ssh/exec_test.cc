// SshSession::Exec against a real OpenSSH server.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <memory>
#include <string>
#include <thread>

#include "helpers/base/interruption.h"
#include "helpers/ssh/ssh_session.h"
#include "tests/ssh/openssh_server.h"
#include "tests/ssh/relay.h"

namespace passthrough {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;

// Runs for ever, and ends soon after its output is not wanted any more. A sleep would go on after
// its connection ended.
constexpr char kEndless[] = "while echo endless; do sleep 0.1; done";

class Exec : public testing::Test {
 protected:
  ~Exec() override { ClearInterruption(); }

  static Deadline Soon() { return Deadline::After(seconds(60)); }

  SshSession Connect() { return SshSession::Connect(server_.account(), nullptr, keys_, Soon()); }

  ExecResult Run(const std::string& command, const ExecOptions& options = {}) {
    return Connect().Exec(command, options, Soon());
  }

  OpensshServer server_;
  HostKeys keys_{"", ""};
};

TEST_F(Exec, GivesOutputAndStatus) {
  const ExecResult result = Run("echo out; echo err >&2; exit 3");
  EXPECT_EQ(result.exit_status, 3);
  EXPECT_EQ(result.exit_signal, "");
  EXPECT_EQ(result.output, "out\n");
  EXPECT_EQ(result.error_output, "err\n");
  EXPECT_FALSE(result.output_truncated);
}

TEST_F(Exec, GivesStatusOfCommandWithoutOutput) {
  EXPECT_EQ(Run("true").exit_status, 0);
  EXPECT_EQ(Run("false").exit_status, 1);
  EXPECT_EQ(Run("exit 255").exit_status, 255);
}

TEST_F(Exec, GivesSignal) {
  const ExecResult result = Run("kill -KILL $$");
  EXPECT_EQ(result.exit_status, -1);
  EXPECT_EQ(result.exit_signal, "KILL");
}

TEST_F(Exec, SendsInputAndEndOfFile) {
  ExecOptions options;
  options.input = "one\ntwo\n";
  EXPECT_EQ(Run("cat; echo end", options).output, "one\ntwo\nend\n");
  EXPECT_EQ(Run("cat; echo end").output, "end\n");
}

TEST_F(Exec, PassesBinaryInputBothWays) {
  std::string input;
  for (int i = 0; i < 3'000'000; ++i) input += static_cast<char>((i * 7 + i / 256) % 256);
  ExecOptions options;
  options.input = input;
  const ExecResult result = Run("cat", options);
  EXPECT_TRUE(result.output == input) << result.output.size() << " bytes came back";
  EXPECT_EQ(result.exit_status, 0);
}

TEST_F(Exec, SurvivesCommandThatReadsNothing) {
  const std::string input(5'000'000, 'x');
  ExecOptions options;
  options.input = input;
  const ExecResult result = Run("exit 4", options);
  EXPECT_EQ(result.exit_status, 4);
}

TEST_F(Exec, PassesOutputToTheSinkAsItComes) {
  std::string seen;
  ExecOptions options;
  options.input = "";
  SshSession session = Connect();
  // The command ends only after its first words got here and came back as a file.
  const TemporaryDirectory directory("exec-sink");
  const auto file = directory.path() / "seen";
  options.sink = [&](std::string_view piece) {
    seen += piece;
    if (seen == "first") WriteFile(file, "");
  };
  const ExecResult result = session.Exec(
      "printf first; until test -e " + file.string() + "; do sleep 0.01; done; printf last", options, Soon());
  EXPECT_EQ(seen, "firstlast");
  EXPECT_EQ(result.output, "");
}

TEST_F(Exec, SinkMayThrow) {
  SshSession session = Connect();
  ExecOptions options;
  options.sink = [](std::string_view) { throw EvidenceError("enough"); };
  EXPECT_THROW(session.Exec("yes", options, Soon()), EvidenceError);
  EXPECT_EQ(session.Exec("echo still there", {}, Soon()).output, "still there\n");
}

TEST_F(Exec, BoundsOutput) {
  SshSession session = Connect();
  ExecOptions options;
  options.most_output = 100'000;
  const ExecResult result = session.Exec("yes", options, Soon());
  EXPECT_TRUE(result.output_truncated);
  EXPECT_EQ(result.output.size(), 100'000u);
  EXPECT_EQ(session.Exec("echo still there", {}, Soon()).output, "still there\n");
}

TEST_F(Exec, OutputThatJustFitsIsNotTruncated) {
  ExecOptions options;
  options.most_output = 100'000;
  const ExecResult result = Run("head -c 100000 /dev/zero", options);
  EXPECT_FALSE(result.output_truncated);
  EXPECT_EQ(result.output.size(), 100'000u);
  EXPECT_EQ(result.exit_status, 0);
}

TEST_F(Exec, BoundsErrorOutput) {
  ExecOptions options;
  options.most_error_output = 1000;
  const ExecResult result = Run("head -c 5000000 /dev/zero >&2; echo done", options);
  EXPECT_EQ(result.error_output.size(), 1000u);
  EXPECT_EQ(result.output, "done\n");
  EXPECT_EQ(result.exit_status, 0);
}

TEST_F(Exec, RunsManyCommandsOnOneSession) {
  SshSession session = Connect();
  for (int i = 0; i < 20; ++i) {
    const std::string number = std::to_string(i);
    EXPECT_EQ(session.Exec("echo " + number, {}, Soon()).output, number + "\n");
  }
}

TEST_F(Exec, RunsManyCommandsWhereOneSessionIsAllowedAtATime) {
  OpensshServer::Options options;
  options.more_config = {"MaxSessions 1"};
  const OpensshServer strict(options);
  SshSession session = SshSession::Connect(strict.account(), nullptr, keys_, Soon());
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(session.Exec("echo again", {}, Soon()).output, "again\n");
  }
}

TEST_F(Exec, EndsAtTheDeadline) {
  SshSession session = Connect();
  try {
    session.Exec(kEndless, {}, Deadline::After(milliseconds(300)));
    ADD_FAILURE() << "no TimeoutError";
  } catch (const TimeoutError& error) {
    EXPECT_THAT(error.what(), HasSubstr(kEndless));
    EXPECT_THAT(error.what(), HasSubstr(server_.account().user + "@127.0.0.1"));
  }
  EXPECT_EQ(session.Exec("echo still there", {}, Soon()).output, "still there\n");
}

TEST_F(Exec, EndsOnInterruption) {
  SshSession session = Connect();
  std::jthread interrupter([] {
    std::this_thread::sleep_for(milliseconds(200));
    RequestInterruption(SIGINT);
  });
  EXPECT_THROW(session.Exec(kEndless, {}, Soon()), InterruptedError);
  interrupter.join();
}

TEST_F(Exec, DroppedConnectionIsAnErrorAndOutputSoFarCame) {
  SshSession session = Connect();
  std::string seen;
  ExecOptions options;
  options.sink = [&](std::string_view piece) {
    seen += piece;
    if (seen == "first\n") server_.KillSessions();
  };
  try {
    session.Exec("echo first; sleep 1000", options, Soon());
    ADD_FAILURE() << "no SshError";
  } catch (const SshError& error) {
    EXPECT_THAT(error.what(), HasSubstr("the connection broke"));
  }
  EXPECT_EQ(seen, "first\n");
  EXPECT_THROW(session.Exec("true", {}, Soon()), SshError);
}

TEST_F(Exec, SilentLinkIsNoticed) {
  Relay relay(server_.account().port);
  SshAccount account = server_.account();
  account.port = relay.port();
  SshSession session = SshSession::Connect(account, nullptr, keys_, Soon());
  ExecOptions options;
  options.keep_alive = milliseconds(250);
  options.sink = [&](std::string_view) { relay.Freeze(); };
  try {
    session.Exec(kEndless, options, Soon());
    ADD_FAILURE() << "no SshError";
  } catch (const SshError& error) {
    EXPECT_THAT(error.what(), HasSubstr("the server was silent for"));
  }
}

TEST_F(Exec, QuietCommandIsNotTakenForASilentLink) {
  // A link counts as silent after four intervals without an answer. They are long enough for a busy
  // machine to answer in, and the command is quiet for longer.
  SshSession session = Connect();
  ExecOptions options;
  options.keep_alive = seconds(2);
  EXPECT_EQ(session.Exec("sleep 10; echo done", options, Soon()).output, "done\n");
}

}  // namespace
}  // namespace passthrough
