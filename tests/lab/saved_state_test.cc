// Saving a machine and loading it into another QEMU.
#include "lab/host/saved_state.h"

#include <gmock/gmock.h>

#include <chrono>
#include <nlohmann/json.hpp>

#include "helpers/base/files.h"
#include "tests/lab/bare_machine.h"
#include "tests/lab/plans.h"

namespace passthrough {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;

class SavedState : public testing::Test {
 protected:
  void SetUp() override {
    WriteFile(Path("base.img"), std::string(1u << 20, '\0'));
    CreateLayer(Path("0.qcow2"), Path("base.img"), "raw");
  }
  std::filesystem::path Path(const std::string& name) const { return temporary_.path() / name; }
  std::string Name(const std::string& which) const { return temporary_.path().filename().string() + which; }

  const TemporaryDirectory temporary_{"passthrough-state-test"};
  // Every model that a topology can have must be one that QEMU can save, but for NVMe disks.
  static Plan PlanThatCanBeSaved() {
    Plan plan = PlanOf({{"0000:01:00.0", DeviceType::kGpu},
                        {"0000:01:00.1", DeviceType::kAudio},
                        {"0000:65:00.2", DeviceType::kNetwork},
                        {"0000:66:00.0", DeviceType::kStorage},
                        {"0000:67:00.0", DeviceType::kNetwork},
                        {"0000:80:03.0", DeviceType::kOther}});
    plan.nodes[0].devices[3].vendor_id = 0x1af4;
    plan.nodes[0].devices[3].device_id = 0x1042;
    plan.nodes[0].devices[4].vendor_id = 0x1af4;
    plan.nodes[0].devices[4].device_id = 0x1041;
    return plan;
  }
  const Plan plan_ = PlanThatCanBeSaved();
  // What memory holds at 1 MiB in the first machine, and not in one that was just started.
  const std::vector<std::string> marker_ = {"-device", "loader,addr=0x100000,data=0x11223344,data-len=4"};
  const Deadline deadline_ = Deadline::After(120s);
};

TEST_F(SavedState, ComesBackWithMemoryAndDisk) {
  {
    const BareMachine machine(temporary_.path(), Name("a"), plan_, Path("0.qcow2"), false, marker_);
    QmpConnection qmp = QmpConnection::Open(machine.socket(), deadline_);
    qmp.ExecuteHuman("qemu-io disk \"write -P 0x5a 0 4k\"", deadline_);
    SaveMachine(qmp, Path("state"), Path("1.qcow2"), deadline_);
    EXPECT_EQ(qmp.Execute("query-status", deadline_)["status"], "running") << "it goes on";
    qmp.ExecuteHuman("qemu-io disk \"write -P 0xa5 0 4k\"", deadline_);  // is not part of it

    SaveMachine(qmp, Path("state2"), Path("2.qcow2"), deadline_);  // and once more
  }
  CreateLayer(Path("3.qcow2"), Path("0.qcow2"));
  const BareMachine machine(temporary_.path(), Name("b"), plan_, Path("3.qcow2"), true);
  QmpConnection qmp = QmpConnection::Open(machine.socket(), deadline_);
  LoadMachine(qmp, Path("state"), deadline_);
  EXPECT_EQ(qmp.Execute("query-status", deadline_)["status"], "running");
  EXPECT_THAT(qmp.ExecuteHuman("xp /1wx 0x100000", deadline_), HasSubstr("0x11223344"));
  // qemu-io prints to QEMU's own output.
  std::filesystem::resize_file(Path("qemu.log"), 0);
  qmp.ExecuteHuman("qemu-io disk \"read -P 0x5a 0 4k\"", deadline_);
  const std::string output = ReadFile(Path("qemu.log"));
  EXPECT_THAT(output, HasSubstr("read 4096/4096 bytes"));
  EXPECT_THAT(output, Not(HasSubstr("Pattern verification failed")));
}

TEST_F(SavedState, ThatIsNotOneIsToldAndNothingRuns) {
  WriteFile(Path("state"), "not a state at all");
  const BareMachine machine(temporary_.path(), Name("c"), plan_, Path("0.qcow2"), true);
  QmpConnection qmp = QmpConnection::Open(machine.socket(), deadline_);
  EXPECT_THROW(LoadMachine(qmp, Path("state"), deadline_), QmpError);
}

TEST_F(SavedState, RunsOnWhenItCannotBeSaved) {
  const BareMachine machine(temporary_.path(), Name("d"), plan_, Path("0.qcow2"), false);
  QmpConnection qmp = QmpConnection::Open(machine.socket(), deadline_);
  EXPECT_THROW(SaveMachine(qmp, Path("no/such/place"), Path("1.qcow2"), deadline_), Error);
  EXPECT_EQ(qmp.Execute("query-status", deadline_)["status"], "running");
}

}  // namespace
}  // namespace passthrough
