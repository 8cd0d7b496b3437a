// The order of a disruption's steps and what becomes of it, with a hypervisor and a node behind their interfaces.
#include "helpers/disruption/node_disruption.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <map>

#include "helpers/base/files.h"
#include "helpers/base/interruption.h"
#include "tests/disruption/guest.h"

namespace passthrough {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr char kHost[] = "192.0.2.10";
constexpr char kOtherUuid[] = "11111111-1111-1111-1111-111111111111";

// A machine that answers at an address.
struct Machine {
  std::string product_uuid = kGuestUuid;
  std::string boot_id = "boot-0";
};

ExecResult Result(int exit_status, const std::string& output = {}, const std::string& error_output = {}) {
  return {.exit_status = exit_status, .exit_signal = {}, .output = output, .error_output = error_output};
}

// Does nothing of what it is asked, and keeps a list of that.
class FakeNode : public NodeAccess {
 public:
  std::unique_ptr<NodeSession> Connect(const Deadline&) override { return TryConnect(); }
  std::unique_ptr<NodeSession> TryConnect() override {
    if (!machines.contains(host_)) throw SshError("cannot connect to " + host_ + ": Connection refused");
    return std::make_unique<Session>(*this);
  }
  std::string Host() const override { return host_; }
  void MoveTo(const std::string& host) override { host_ = host; }
  void TakeSnapshot(const std::string& snapshot) override { done.push_back("snapshot " + snapshot); }

  std::map<std::string, Machine> machines{{kHost, {}}};  // by address
  std::map<std::string, ExecResult> results{{"release", Result(0, "m:daemon\n")}};
  std::function<void()> on_reboot = [this] { machines[host_].boot_id = "boot-" + std::to_string(++boots_); };
  std::vector<std::string> done;

 private:
  class Session : public NodeSession {
   public:
    explicit Session(FakeNode& node) : node_(node), host_(node.host_) {}
    ExecResult Run(const std::string& action, const std::vector<std::string>& arguments, const Deadline&) override {
      const auto given = node_.results.find(action);
      ExecResult result;
      if (given != node_.results.end()) result = given->second;
      if (given == node_.results.end()) result.exit_status = 0;
      if (action == "identity") {
        const Machine& machine = node_.machines.at(host_);
        result.output = "boot_id: " + machine.boot_id + "\nproduct_uuid: " + machine.product_uuid + "\n";
      }
      if (action == "identity" || action == "drivers") return result;
      std::string what = action;
      for (const std::string& argument : arguments) what += " " + argument;
      node_.done.push_back(what);
      if (action == "reboot" && result.exit_status == 0) node_.on_reboot();
      return result;
    }

   private:
    FakeNode& node_;
    const std::string host_;
  };
  std::string host_ = kHost;
  int boots_ = 0;
};

class NodeDisruptionTest : public testing::Test {
 protected:
  NodeDisruptionTest() {
    std::filesystem::create_directories(run_.Evidence() / "node");
    target_.node = "node";
    target_.domain = "d";
    target_.unplug.groups = {{.functions = {kFirst}, .gpus = {kFirst}}, {.functions = {kSecond}, .gpus = {kSecond}}};
    limits_.ssh = milliseconds(300);
    limits_.guest = milliseconds(300);
    limits_.driver = milliseconds(100);
    limits_.reattach = milliseconds(300);
  }
  ~NodeDisruptionTest() override { ClearInterruption(); }

  void Run(const DisruptionRequest& request) { Run(request, {PciAddress::Parse("0000:05:00.0").value()}); }
  void Run(const DisruptionRequest& request, const std::vector<PciAddress>& in_node) {
    const DisruptedNode node{.domain = guest_,
                             .access = node_,
                             .limits = limits_,
                             .report = [this](const std::string& what) { reported_.push_back(what); },
                             .log = {}};
    NodeDisruption(target_, in_node, node, run_).Run(request);
  }
  DisruptionStep StepOf(const std::string& snapshot) {
    const Disruption disruption = ReadDisruption(run_, "node");
    const DisruptionStep* const step = disruption.Find(snapshot);
    EXPECT_NE(step, nullptr) << snapshot << " was not reached";
    return step == nullptr ? DisruptionStep() : *step;
  }
  std::string ErrorOf(const std::string& snapshot) { return StepOf(snapshot).error; }

  const TemporaryDirectory logs_{"disruption"};
  const RunDirectory run_ = RunDirectory::Create(logs_.path());
  Guest guest_;
  FakeNode node_;
  DisruptionTarget target_;
  DisruptionLimits limits_;
  std::vector<std::string> reported_;
};

TEST_F(NodeDisruptionTest, AHealthyNodeGoesThroughAllStepsInTheirOrder) {
  Run({.rescan = true, .unplug = true, .reboots = 2});
  EXPECT_THAT(node_.done, ElementsAre("rescan 0000:05:00.0", "snapshot after-rescan",  //
                                      "release", "snapshot after-unplug",              //
                                      "restore m:daemon", "snapshot after-replug",     //
                                      "reboot", "snapshot after-reboot-1",             //
                                      "reboot", "snapshot after-reboot-2"));
  const Disruption disruption = ReadDisruption(run_, "node");
  ASSERT_EQ(disruption.steps.size(), 5u);
  for (const DisruptionStep& step : disruption.steps) EXPECT_EQ(step.error, "") << step.snapshot;
  EXPECT_EQ(StepOf("after-reboot-2").boot_id_before, "boot-1");
  EXPECT_EQ(StepOf("after-reboot-2").boot_id_after, "boot-2");
  EXPECT_EQ(guest_.detached, 2);
  EXPECT_THAT(guest_.buses, ElementsAre(1, 2));
}

// Half an IOMMU group that goes back to the host is a BUG of kernels before 5.19.
TEST_F(NodeDisruptionTest, AGpuGoesWithTheFunctionsOfItsGroupAndComesBackTheOtherWayRound) {
  target_.unplug.groups = {{.functions = {kFirst, kSecond}, .gpus = {kFirst}}};
  Run({.unplug = true});
  EXPECT_EQ(ErrorOf("after-unplug"), "");
  EXPECT_EQ(ErrorOf("after-replug"), "");
  EXPECT_THAT(guest_.changes, ElementsAre("-1", "-2", "+2", "+1"));
  EXPECT_THAT(reported_, Contains("plugging function 0000:02:00.0 in again"));
}

TEST_F(NodeDisruptionTest, NothingIsUnpluggedWhereOneFunctionOfAGroupCannotBe) {
  target_.unplug.groups = {{.functions = {kFirst, PciAddress::Parse("0000:09:00.0").value()}, .gpus = {kFirst}}};
  Run({.unplug = true});
  EXPECT_THAT(ErrorOf("after-unplug"), HasSubstr("has no <hostdev> for 0000:09:00.0"));
  EXPECT_EQ(guest_.detached, 0);
  EXPECT_THAT(node_.done, Not(Contains("release")));
}

TEST_F(NodeDisruptionTest, WhatThePlanForbidsIsNotUnplugged) {
  target_.unplug.problem = "the host's kernel is 5.15";
  Run({.unplug = true});
  EXPECT_EQ(ErrorOf("after-unplug"), "not tried: the host's kernel is 5.15");
  EXPECT_EQ(guest_.detached, 0);
}

TEST_F(NodeDisruptionTest, AGpuThatAProgramHoldsIsNeitherRemovedNorUnplugged) {
  const ExecResult held = Result(6, "", "python3 (PID 4711)\nnvtop (PID 12)\n");
  node_.results = {{"rescan", held}, {"release", held}};
  Run({.rescan = true, .unplug = true});
  EXPECT_THAT(ErrorOf("after-rescan"), HasSubstr("or its kernel, hold its GPUs open"));
  EXPECT_THAT(ErrorOf("after-unplug"), HasSubstr("python3 (PID 4711), nvtop (PID 12). Stop them"));
  EXPECT_EQ(ErrorOf("after-replug"), "not tried: no GPU was unplugged");
  EXPECT_EQ(guest_.detached, 0);
  EXPECT_THAT(node_.done, ElementsAre("rescan 0000:05:00.0", "snapshot after-rescan", "release",
                                      "snapshot after-unplug", "snapshot after-replug"))
      << "release.sh has restored what it ended";
}

// libvirt would wait for a guest that waits for itself.
TEST_F(NodeDisruptionTest, ARemovalThatHangsEndsWhatNeedsThePciBusAndNothingElse) {
  node_.results["rescan"] = Result(7);
  Run({.rescan = true, .unplug = true, .reboots = 1});
  EXPECT_THAT(ErrorOf("after-rescan"), HasSubstr("did not end within"));
  EXPECT_THAT(ErrorOf("after-unplug"), HasSubstr("not tried: the removal of a GPU through sysfs hangs"));
  EXPECT_EQ(guest_.detached, 0);
  EXPECT_EQ(ErrorOf("after-reboot-1"), "");
}

TEST_F(NodeDisruptionTest, WhatTheKernelHoldsIsToldWithWhatToDo) {
  node_.results["release"] = Result(6, "", "the kernel: nvidia_drm with modeset=1, the console on fb0\n");
  Run({.unplug = true});
  EXPECT_THAT(ErrorOf("after-unplug"),
              AllOf(HasSubstr("the console on fb0. Stop them; of nvidia_drm"), HasSubstr("modeset=0")));
}

// Removing nothing proves nothing.
TEST_F(NodeDisruptionTest, ANodeThatListsNoneOfItsGpusIsNotRescanned) {
  Run({.rescan = true}, {});
  EXPECT_EQ(ErrorOf("after-rescan"), "not tried: the node lists none of the planned GPUs");
  EXPECT_THAT(node_.done, ElementsAre("snapshot after-rescan"));
}

// Any answer would differ from it.
TEST_F(NodeDisruptionTest, ANodeWhoseBootIdCannotBeReadIsNotRebooted) {
  node_.machines[kHost].boot_id = "";
  Run({.reboots = 1});
  EXPECT_THAT(ErrorOf("after-reboot-1"), HasSubstr("boot id cannot be read"));
  EXPECT_THAT(node_.done, Not(Contains("reboot")));
}

TEST_F(NodeDisruptionTest, ARescanThatFailsEndsNothing) {
  node_.results["rescan"] = Result(4, "", "rescan: I/O error\n");
  Run({.rescan = true, .reboots = 1});
  EXPECT_THAT(ErrorOf("after-rescan"), AllOf(HasSubstr("exit status 4"), HasSubstr("I/O error")));
  EXPECT_EQ(ErrorOf("after-reboot-1"), "");
}

TEST_F(NodeDisruptionTest, AGuestThatDoesNotLetGoIsReportedWithWhatToDo) {
  guest_.patience = 1'000'000;
  Run({.unplug = true});
  EXPECT_THAT(ErrorOf("after-unplug"), HasSubstr("was asked to let GPU 0000:01:00.0 go, and has not within"));
  EXPECT_THAT(ErrorOf("after-replug"),
              AllOf(HasSubstr("not tried: no GPU was unplugged"), HasSubstr("domain d still has GPU 0000:01:00.0"),
                    HasSubstr("attach-device d ")));
  EXPECT_EQ(guest_.detached, 1) << "the second GPU was tried, too";
  EXPECT_EQ(guest_.attached, 0);
  EXPECT_THAT(node_.done, ElementsAre("release", "snapshot after-unplug", "restore m:daemon", "snapshot after-replug"));
}

TEST_F(NodeDisruptionTest, AGpuThatCannotBePluggedInIsTriedAgainInTheEnd) {
  guest_.attach_failures = 1;
  Run({.unplug = true});
  EXPECT_EQ(ErrorOf("after-unplug"), "");
  EXPECT_EQ(ErrorOf("after-replug"), "the host is busy");
  EXPECT_THAT(guest_.buses, ElementsAre(1, 2));
  EXPECT_THAT(node_.done, Contains("restore m:daemon"));
}

TEST_F(NodeDisruptionTest, AGpuThatIsNotBackIsAnErrorOfTheReplug) {
  guest_.attach_failures = 1'000'000;
  Run({.unplug = true, .reboots = 1});
  EXPECT_THAT(ErrorOf("after-replug"),
              AllOf(HasSubstr("the host is busy; GPU 0000:02:00.0 was unplugged from domain d and is not back"),
                    HasSubstr("GPU 0000:01:00.0 was unplugged")));
  EXPECT_EQ(ErrorOf("after-reboot-1"), "");
}

TEST_F(NodeDisruptionTest, ANodeThatNeverComesBackEndsIt) {
  node_.on_reboot = [this] { node_.machines.clear(); };
  guest_.console = "Kernel panic - not syncing\n";
  Run({.reboots = 2});
  EXPECT_THAT(ErrorOf("after-reboot-1"),
              AllOf(HasSubstr("it did not come back within"), HasSubstr("domain d is running"),
                    HasSubstr("cannot connect to 192.0.2.10: Connection refused")));
  EXPECT_EQ(StepOf("after-reboot-1").console, "Kernel panic - not syncing");
  EXPECT_EQ(ErrorOf("after-reboot-2"), "not tried: the node did not come back earlier (after-reboot-1)");
  EXPECT_THAT(node_.done, ElementsAre("reboot")) << "nobody can take a snapshot of it";
}

TEST_F(NodeDisruptionTest, ANodeThatDoesNotGoDownHasNotRebooted) {
  node_.on_reboot = [] {};
  Run({.reboots = 1});
  EXPECT_THAT(ErrorOf("after-reboot-1"), HasSubstr("its boot id is the old one"));
}

TEST_F(NodeDisruptionTest, ANodeThatRefusesToRebootIsNotWaitedFor) {
  node_.results["reboot"] = Result(1, "", "sudo: no\n");
  Run({.reboots = 1});
  EXPECT_EQ(ErrorOf("after-reboot-1"), "the node does not reboot: exit status 1: sudo: no");
  EXPECT_THAT(node_.done, Contains("snapshot after-reboot-1")) << "it is there still";
}

TEST_F(NodeDisruptionTest, ADomainThatIsGoneOrOffIsNotWaitedFor) {
  limits_.ssh = std::chrono::hours(1);
  for (const std::optional<std::string>& state :
       {std::optional<std::string>(), std::optional<std::string>("shut off")}) {
    node_.machines = {{kHost, {}}};
    guest_.state = "running";
    node_.on_reboot = [&] {
      node_.machines.clear();
      guest_.state = state;
    };
    Run({.reboots = 1});
    EXPECT_THAT(ErrorOf("after-reboot-1"), AllOf(HasSubstr("domain d is " + state.value_or("gone")),
                                                 HasSubstr("there is no use in waiting for it")));
  }
}

TEST_F(NodeDisruptionTest, NothingIsAttachedToADomainThatIsGone) {
  node_.results["drivers"] = Result(1);
  guest_.attach_failures = 1'000'000;
  node_.on_reboot = [&] {
    node_.machines.clear();
    guest_.state = std::nullopt;
  };
  Run({.unplug = true, .reboots = 1});
  EXPECT_EQ(ErrorOf("after-replug"), "the host is busy") << "nothing is missing any more";
}

TEST_F(NodeDisruptionTest, ANodeIsFollowedToItsNewAddress) {
  limits_.ssh = seconds(20);
  node_.on_reboot = [this] {
    node_.machines = {{"192.0.2.77", {.product_uuid = kGuestUuid, .boot_id = "boot-1"}}};
    guest_.addresses = {{.mac = "52:54:00:00:00:01", .ip = "192.0.2.77", .source = "lease"}};
  };
  Run({.reboots = 1});
  EXPECT_EQ(ErrorOf("after-reboot-1"), "");
  EXPECT_EQ(node_.Host(), "192.0.2.77");
  EXPECT_THAT(reported_, Contains("has a new address: 192.0.2.77"));
}

// Its address may be another machine's, which has the same host key where both come from one image.
TEST_F(NodeDisruptionTest, NothingIsDoneToAForeignMachine) {
  node_.machines[kHost].product_uuid = kOtherUuid;
  Run({.rescan = true, .unplug = true, .reboots = 1});
  for (const char* const snapshot : {"after-rescan", "after-unplug", "after-reboot-1"}) {
    EXPECT_THAT(ErrorOf(snapshot), AllOf(HasSubstr("nothing was done to a machine with DMI product UUID 1111"),
                                         HasSubstr("at 192.0.2.10")));
  }
  EXPECT_THAT(node_.done, ElementsAre("snapshot after-rescan", "snapshot after-unplug", "snapshot after-replug",
                                      "snapshot after-reboot-1"));
  EXPECT_EQ(guest_.detached, 0);
}

TEST_F(NodeDisruptionTest, AForeignMachineIsNotTheNodeThatCameBack) {
  node_.on_reboot = [this] { node_.machines[kHost] = {.product_uuid = kOtherUuid, .boot_id = "another"}; };
  Run({.reboots = 1});
  EXPECT_THAT(ErrorOf("after-reboot-1"),
              AllOf(HasSubstr("did not come back"), HasSubstr("DMI product UUID " + std::string(kOtherUuid))));
  EXPECT_EQ(StepOf("after-reboot-1").boot_id_after, "");
}

TEST_F(NodeDisruptionTest, AnInterruptionReattachesAndRestores) {
  guest_.interrupt_at_detach = true;
  guest_.patience = 3;  // lets go only when the run is ending already
  EXPECT_THROW(Run({.rescan = true, .unplug = true, .reboots = 1}), InterruptedError);
  EXPECT_THAT(guest_.buses, ElementsAre(1, 2));
  EXPECT_EQ(guest_.attached, 1);
  EXPECT_THAT(node_.done, ElementsAre("rescan 0000:05:00.0", "snapshot after-rescan", "release", "restore m:daemon"));
  EXPECT_EQ(ReadDisruption(run_, "node").Find(kAfterUnplug), nullptr) << "the run ended before it";
}

TEST_F(NodeDisruptionTest, WhatCannotBeRestoredIsReported) {
  guest_.interrupt_at_detach = true;
  guest_.patience = 3;
  const auto forget = [this](const std::string& what) {
    reported_.push_back(what);
    if (what.find("unplugging") != std::string::npos) node_.machines.clear();
  };
  const DisruptedNode node{.domain = guest_, .access = node_, .limits = limits_, .report = forget, .log = {}};
  EXPECT_THROW(NodeDisruption(target_, {}, node, run_).Run({.unplug = true}), InterruptedError);
  EXPECT_THAT(reported_, Contains(HasSubstr("whether what used the node's GPUs runs again as before is not known")));
  EXPECT_THAT(guest_.buses, ElementsAre(1, 2));
}

TEST_F(NodeDisruptionTest, ANodeWithoutADriverIsNoErrorOfTheStep) {
  node_.results["drivers"] = Result(1);
  Run({.rescan = true});
  EXPECT_EQ(ErrorOf("after-rescan"), "");
  EXPECT_THAT(reported_, Contains("not every GPU has a driver"));
}

}  // namespace
}  // namespace passthrough
