// The QMP client against a real QEMU without a machine.
#include "lab/host/qmp.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <nlohmann/json.hpp>

#include "helpers/base/files.h"
#include "lab/host/qemu_process.h"

namespace passthrough {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::ThrowsMessage;

class Qmp : public testing::Test {
 protected:
  void SetUp() override {
    // Longer than a socket's address can be.
    directory_ = temporary_.path() / std::string(120, 'd');
    std::filesystem::create_directory(directory_);
    name_ = "passthrough-test-" + temporary_.path().filename().string();
    process_ = StartQemu({QemuProgram(), "-name", name_, "-machine", "none", "-nodefaults", "-display", "none", "-qmp",
                          "unix:qmp.sock,server=on,wait=off"},
                         directory_);
  }
  void TearDown() override {
    StopQemu(name_, directory_ / "qmp.sock");
    EXPECT_EQ(FindQemu(name_), std::nullopt);
    EXPECT_NE(kill(process_, 0), 0) << "process " << process_ << " is still there";
  }
  QmpConnection Connect() { return QmpConnection::Open(directory_ / "qmp.sock", deadline_); }

  const TemporaryDirectory temporary_{"passthrough-qmp-test"};
  std::filesystem::path directory_;
  std::string name_;
  pid_t process_ = 0;
  const Deadline deadline_ = Deadline::After(60s);
};

TEST_F(Qmp, RunsCommands) {
  QmpConnection qmp = Connect();
  EXPECT_EQ(qmp.Execute("query-status", deadline_)["running"], true);
  EXPECT_EQ(qmp.Execute("qom-get", {{"path", "/machine"}, {"property", "type"}}, deadline_), "none-machine");
  EXPECT_THAT(qmp.ExecuteHuman("info name", deadline_), HasSubstr(name_));
}

TEST_F(Qmp, AnAnswerThatNobodyWaitedForIsNotTheNextOnes) {
  QmpConnection qmp = Connect();
  kill(process_, SIGSTOP);  // so that it cannot be faster than this test
  EXPECT_THROW(qmp.Execute("query-commands", Deadline::After(50ms)), TimeoutError);
  kill(process_, SIGCONT);
  EXPECT_EQ(qmp.Execute("query-status", deadline_)["running"], true);
  EXPECT_THAT(qmp.ExecuteHuman("info name", deadline_), HasSubstr(name_));
}

TEST_F(Qmp, TellsWhatQemuRefuses) {
  QmpConnection qmp = Connect();
  EXPECT_THAT([&] { qmp.Execute("no-such-command", deadline_); },
              ThrowsMessage<QmpError>(HasSubstr("no-such-command has not been found")));
  EXPECT_EQ(qmp.Execute("query-status", deadline_)["running"], true) << "still in step after it";
}

TEST_F(Qmp, KeepsEventsThatComeBeforeTheAnswer) {
  QmpConnection qmp = Connect();
  qmp.Execute("stop", deadline_);
  qmp.Execute("cont", deadline_);
  // Not RESUME: QEMU's own start is one, and may come before or after the connection.
  EXPECT_EQ(qmp.WaitForEvent("STOP", deadline_)["event"], "STOP");
  EXPECT_THROW(qmp.WaitForEvent("STOP", Deadline::After(50ms)), TimeoutError);
}

TEST_F(Qmp, HandsOverAnOpenFile) {
  QmpConnection qmp = Connect();
  const int file = open((directory_ / "file").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  ASSERT_GE(file, 0);
  qmp.SendDescriptor("a-file", file, deadline_);
  close(file);
  EXPECT_NO_THROW(qmp.Execute("closefd", {{"fdname", "a-file"}}, deadline_));
  EXPECT_THROW(qmp.Execute("closefd", {{"fdname", "a-file"}}, deadline_), QmpError);
}

TEST_F(Qmp, NoticesThatQemuIsGone) {
  QmpConnection qmp = Connect();
  StopQemu(name_, "/nowhere/qmp.sock", 0ms);  // by SIGKILL
  EXPECT_THROW(qmp.Execute("query-status", deadline_), QmpError);
}

TEST_F(Qmp, FindsQemuByItsWholeNameOnly) {
  EXPECT_EQ(FindQemu(name_), process_);
  EXPECT_EQ(FindQemu(name_ + "x"), std::nullopt);
  EXPECT_EQ(FindQemu(name_.substr(0, name_.size() - 1)), std::nullopt);
}

TEST(QmpWithoutQemu, TellsWhyItCannotConnect) {
  const TemporaryDirectory directory("passthrough-qmp-test");
  EXPECT_THAT([&] { QmpConnection::Open(directory.path() / "qmp.sock", Deadline::After(50ms)); },
              ThrowsMessage<TimeoutError>(HasSubstr("No such file")));
}

}  // namespace
}  // namespace passthrough
