// The program passthrough-lab with real images: up, snapshot, restore, down, and what goes wrong in
// between. Needs no cluster; those are in tests/end_to_end. One lab serves all tests of the suite,
// which run in the order in which they stand here.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <chrono>
#include <csignal>
#include <ctime>
#include <fstream>

#include "helpers/base/files.h"
#include "helpers/base/text.h"
#include "helpers/process/child_process.h"
#include "lab/host/lab_directory.h"
#include "lab/host/qemu_process.h"

namespace passthrough {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

// Devices on a near bus, a far one, bus 0 and with device numbers other than 0.
constexpr char kClusterFile[] = R"(version: "1.0"
metadata: {name: lifecycle, description: Addresses of every kind}
clusters:
  hpc:
    name: lifecycle
    base_image_path: build/base.qcow2
    network: {subnet: 192.168.190.0/24, bridge: virbr190}
    controller: {cpu_cores: 1, memory_gb: 1, disk_gb: 10, ip_address: 192.168.190.10}
    compute_nodes:
      - cpu_cores: 1
        memory_gb: 1
        disk_gb: 10
        ip: 192.168.190.11
        pcie_passthrough:
          enabled: true
          devices:
            - {pci_address: "0000:01:00.0", device_type: gpu}
            - {pci_address: "0000:01:00.1", device_type: audio}
            - {pci_address: "0000:65:00.2", device_type: gpu}
            - {pci_address: "0000:80:03.0", device_type: storage, vendor_id: "1af4", device_id: "1042"}
            - {pci_address: "0000:00:05.0", device_type: network}
    slurm_config: {partitions: [p], default_partition: p, max_job_time: "1:00:00"}
)";

class LabLifecycle : public testing::Test {
 protected:
  struct Shared {
    TemporaryDirectory scratch{"passthrough-lifecycle"};
    fs::path cluster_file = scratch.path() / "cluster.yaml";
    fs::path lab = scratch.path() / "lab";
    std::string images;
  };

  // Saved states of this test's machine are nobody else's business: a cache of its own, with the
  // images that are there already.
  static void SetUpTestSuite() {
    shared_ = new Shared;
    WriteFile(shared_->cluster_file, kClusterFile);
    const ChildResult built = Program({"build", "--quiet"}, 30min);
    ASSERT_TRUE(built.Succeeded()) << built.output;
    shared_->images = Trim(built.output);
  }
  static void TearDownTestSuite() {
    Program({"down", "--lab-dir", shared_->lab.string()});
    delete shared_;
    shared_ = nullptr;
  }

  static ChildResult Program(std::vector<std::string> arguments, std::chrono::seconds limit = 10min) {
    arguments.insert(arguments.begin(), PASSTHROUGH_BINARY_DIR "/bin/passthrough-lab");
    ChildOptions options;
    if (!shared_->images.empty()) options.environment["PASSTHROUGH_LAB_IMAGES"] = shared_->images;
    options.grace = 30s;
    return RunChild(arguments, options, Deadline::After(limit));
  }
  static ChildResult On(const fs::path& lab, const std::string& verb, const std::vector<std::string>& more = {},
                        std::chrono::seconds limit = 10min) {
    std::vector<std::string> arguments{verb, "--lab-dir", lab.string()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return Program(arguments, limit);
  }
  static ChildResult Lab(const std::string& verb, const std::vector<std::string>& more = {}) {
    return On(shared_->lab, verb, more);
  }
  static ChildResult Up(const fs::path& lab, const std::vector<std::string>& more = {},
                        std::chrono::seconds limit = 15min) {
    std::vector<std::string> arguments{"--cache", (shared_->scratch.path() / "cache").string(),
                                       shared_->cluster_file.string()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return On(lab, "up", arguments, limit);
  }
  static std::string Inside(const std::string& command) {
    const ChildResult result = Lab("ssh", {"--", command});
    EXPECT_TRUE(result.Succeeded()) << command << ": " << result.output;
    return result.output;
  }
  static LabRecord Record(const fs::path& lab) { return ReadLabRecord(LabPaths(lab)).value(); }

  static Shared* shared_;
};

LabLifecycle::Shared* LabLifecycle::shared_ = nullptr;

TEST_F(LabLifecycle, BootsWithEveryFunctionAtItsAddress) {
  const ChildResult up = Up(shared_->lab);
  ASSERT_TRUE(up.Succeeded()) << up.output;
  EXPECT_THAT(up.output, HasSubstr("lab host: booting"));
  const std::string listing = Inside(
      "cd /sys/bus/pci/devices; for f in *; do echo $f $(cat $f/class) "
      "group=$(basename $(readlink $f/iommu_group)) driver=$(basename $(readlink $f/driver)); "
      "done");
  const auto line = [&](std::string_view address) {
    for (const std::string_view text : SplitLines(listing)) {
      if (text.starts_with(address)) return std::string(text);
    }
    return std::string("missing");
  };
  const auto group = [&](std::string_view address) {
    const std::string text = line(address);
    return text.substr(text.find("group="), text.find(" driver") - text.find("group="));
  };
  EXPECT_THAT(line("0000:01:00.0"), AllOf(HasSubstr("0x0380"), HasSubstr("driver=bochs-drm")));
  EXPECT_THAT(line("0000:01:00.1"), AllOf(HasSubstr("0x0403"), HasSubstr("driver=snd_hda_intel")));
  EXPECT_THAT(line("0000:65:00.2"), AllOf(HasSubstr("0x0380"), HasSubstr("driver=bochs-drm")));
  EXPECT_THAT(line("0000:80:03.0"), AllOf(HasSubstr("0x0100"), HasSubstr("driver=virtio-pci")));
  EXPECT_THAT(line("0000:00:05.0"), HasSubstr("0x0200"));
  // Fillers have no driver: they must not make a group unusable.
  EXPECT_THAT(line("0000:65:00.0"), testing::EndsWith("driver="));
  EXPECT_THAT(line("0000:80:00.0"), testing::EndsWith("driver="));
  EXPECT_EQ(group("0000:01:00.0"), group("0000:01:00.1"));
  EXPECT_EQ(group("0000:65:00.0"), group("0000:65:00.2"));
  EXPECT_NE(group("0000:80:03.0"), group("0000:80:00.0"));
}

TEST_F(LabLifecycle, IsUpForItsClusterFileOnly) {
  const ChildResult again = Up(shared_->lab);
  EXPECT_TRUE(again.Succeeded());
  EXPECT_THAT(again.output, HasSubstr("already up"));
  const ChildResult other = Lab("up", {PASSTHROUGH_SOURCE_DIR "/configs/test-pcie-passthrough-minimal.yaml"});
  EXPECT_EQ(other.exit_status, 1);
  EXPECT_THAT(other.output, HasSubstr("a lab with other functions runs in"));
  std::string images;  // as where none are given
  std::swap(images, shared_->images);
  const ChildResult release = Up(shared_->lab, {"--host-release", "trixie"});
  std::swap(images, shared_->images);
  EXPECT_EQ(release.exit_status, 1);
  EXPECT_THAT(release.output, HasSubstr("a lab of other releases, kernel or QEMU runs in"));
  EXPECT_EQ(Lab("status", {"--quiet"}).exit_status, 0);
  EXPECT_THAT(Lab("status").output, AllOf(HasSubstr("lab:          up"), HasSubstr("domains:      none")));
}

TEST_F(LabLifecycle, SnapshotsComeBack) {
  Inside("echo before >/root/marker; sleep 3141 </dev/null >/dev/null 2>&1 & echo");
  const ChildResult taken = Lab("snapshot", {"one"});
  ASSERT_TRUE(taken.Succeeded()) << taken.output;
  EXPECT_EQ(Lab("snapshot", {"one"}).exit_status, 1) << "needs --replace";
  Inside("echo after >/root/marker; pkill sleep");
  const uint16_t port = Record(shared_->lab).ssh_port;

  ASSERT_TRUE(Lab("restore", {"one"}).Succeeded());
  EXPECT_EQ(Inside("cat /root/marker"), "before\n");
  EXPECT_THAT(Inside("pgrep -a sleep"), HasSubstr("sleep 3141"));
  EXPECT_NEAR(std::stod(Inside("date +%s")), static_cast<double>(std::time(nullptr)), 60);
  EXPECT_EQ(Record(shared_->lab).ssh_port, port);

  Inside("echo second >/root/marker");
  ASSERT_TRUE(Lab("snapshot", {"--replace", "one"}).Succeeded());
  ASSERT_TRUE(Lab("restore", {"one"}).Succeeded());
  EXPECT_EQ(Inside("cat /root/marker"), "second\n");
  EXPECT_THAT(Lab("snapshots").output, HasSubstr("  one  "));
  EXPECT_THAT(Lab("restore", {"two"}).output, HasSubstr("no snapshot \"two\"; there are: one"));
  EXPECT_EQ(Lab("status", {"--quiet"}).exit_status, 0) << "a wrong name does no harm";
}

// A VM that never rests has the lab host's processor in SVM's guest mode all the time, which QEMU saves
// and then refuses to load.
TEST_F(LabLifecycle, SnapshotsComeBackWithAVmThatNeverRests) {
  Inside(
      "{ printf '\\353\\376'; head -c 508 /dev/zero; printf '\\125\\252'; } >/root/spin.img; "
      "setsid qemu-system-x86_64 -accel kvm -m 16 -display none -nodefaults -serial none "
      "-drive file=/root/spin.img,format=raw,if=ide </dev/null >/root/spin.log 2>&1 & echo");
  const std::string ticks = "awk '{print $14 + $15 + $43}' /proc/$(pgrep -x qemu-system-x86)/stat";
  const auto executes = [&] {
    return Inside("pid=$(pgrep -x qemu-system-x86); a=$(" + ticks +
                  "); n=0; "
                  "while [ $(" +
                  ticks +
                  ") -le $a ] && [ $n -lt 300 ]; do sleep 0.1; n=$((n+1)); done; "
                  "[ $n -lt 300 ] && echo it does; grep State /proc/$pid/status");
  };
  EXPECT_THAT(executes(), AllOf(HasSubstr("it does"), Not(HasSubstr("stopped"))));
  for (int i = 0; i < 3; ++i) {
    if (i == 1) {  // a command that was killed in the middle has left it frozen
      Inside("pgrep -x qemu-system-x86 >/run/passthrough-lab-frozen; pkill -STOP -x qemu-system-x86");
    }
    const ChildResult taken = Lab("snapshot", {"--replace", "busy"});
    ASSERT_TRUE(taken.Succeeded()) << taken.output;
    EXPECT_THAT(executes(), AllOf(HasSubstr("it does"), Not(HasSubstr("stopped")))) << "after the snapshot";
    const ChildResult restored = Lab("restore", {"busy"});
    ASSERT_TRUE(restored.Succeeded()) << restored.output;
    EXPECT_THAT(executes(), AllOf(HasSubstr("it does"), Not(HasSubstr("stopped")))) << "restored";
  }
  ASSERT_TRUE(Lab("restore", {"one"}).Succeeded());
}

TEST_F(LabLifecycle, IsKeptAndRestored) {
  const std::string qemu = Record(shared_->lab).QemuName();
  ASSERT_TRUE(Lab("down", {"--keep"}).Succeeded());
  EXPECT_EQ(FindQemu(qemu), std::nullopt);
  EXPECT_EQ(Lab("status", {"--quiet"}).exit_status, 1);
  EXPECT_FALSE(fs::exists(LabPaths(shared_->lab).facts()));
  ASSERT_TRUE(Lab("restore", {"one"}).Succeeded());
  EXPECT_EQ(Inside("cat /root/marker"), "second\n");
}

// As the suite's profile calls it.
TEST_F(LabLifecycle, ARunTakesDownOnlyWhatItStartedAndNoSnapshots) {
  const auto down = [&](const std::string& owner) { return Lab("down", {"--owner", owner, "--keep"}); };
  EXPECT_TRUE(Up(shared_->lab, {"--owner", "run-1"}).Succeeded());
  EXPECT_THAT(down("run-1").output, HasSubstr("left alone")) << "it was up";
  EXPECT_EQ(Lab("status", {"--quiet"}).exit_status, 0);

  ASSERT_TRUE(Lab("down", {"--keep"}).Succeeded());
  const ChildResult refused =
      Lab("up", {"--owner", "run-1", PASSTHROUGH_SOURCE_DIR "/configs/test-pcie-passthrough-minimal.yaml"});
  EXPECT_THAT(refused.output, HasSubstr("keeps snapshots of"));
  EXPECT_TRUE(down("run-1").Succeeded());
  EXPECT_THAT(Lab("snapshots").output, HasSubstr("  one  "));

  const ChildResult up = Up(shared_->lab, {"--owner", "run-1"});
  ASSERT_TRUE(up.Succeeded()) << up.output;
  EXPECT_THAT(down("run-2").output, HasSubstr("left alone"));
  EXPECT_EQ(Lab("status", {"--quiet"}).exit_status, 0);
  EXPECT_TRUE(down("run-1").Succeeded());
  EXPECT_EQ(Lab("status", {"--quiet"}).exit_status, 1);
  ASSERT_TRUE(Lab("restore", {"one"}).Succeeded());
  EXPECT_EQ(Inside("cat /root/marker"), "second\n");
  EXPECT_THAT(down("run-1").output, HasSubstr("left alone")) << "it was restored by hand";
}

TEST_F(LabLifecycle, GoesAwayWithoutATrace) {
  const std::string qemu = Record(shared_->lab).QemuName();
  ASSERT_TRUE(Lab("down").Succeeded());
  EXPECT_EQ(FindQemu(qemu), std::nullopt);
  EXPECT_FALSE(fs::exists(shared_->lab));
  EXPECT_EQ(Lab("status", {"--quiet"}).exit_status, 1);
  EXPECT_TRUE(Lab("down").Succeeded()) << "once more does no harm";
}

TEST_F(LabLifecycle, IsNotDownWhenItsDirectoryWasDeleted) {
  const ChildResult up = Up(shared_->lab, {"--owner", "run-1"});
  ASSERT_TRUE(up.Succeeded()) << up.output;
  const std::string qemu = Record(shared_->lab).QemuName();
  fs::remove_all(shared_->lab);
  EXPECT_EQ(Lab("status", {"--quiet"}).exit_status, 2);
  EXPECT_THAT(Lab("status").output, HasSubstr("its files were deleted, and its QEMU runs on: process"));
  EXPECT_TRUE(Lab("down", {"--owner", "run-2", "--keep"}).Succeeded());
  EXPECT_NE(FindQemu(qemu), std::nullopt);
  EXPECT_TRUE(Lab("down", {"--owner", "run-1", "--keep"}).Succeeded());
  EXPECT_EQ(FindQemu(qemu), std::nullopt);
  EXPECT_EQ(Lab("status", {"--quiet"}).exit_status, 1);
  EXPECT_FALSE(fs::exists(shared_->lab));
}

TEST_F(LabLifecycle, StartsFromItsSavedStateBesideAnother) {
  const fs::path second = shared_->scratch.path() / "second";
  const ChildResult up = Up(shared_->lab);
  ASSERT_TRUE(up.Succeeded()) << up.output;
  EXPECT_THAT(up.output, AllOf(HasSubstr("from its saved state"), Not(HasSubstr("booting"))));
  EXPECT_TRUE(Up(second).Succeeded());
  EXPECT_NE(Record(second).ssh_port, Record(shared_->lab).ssh_port);
  Inside("echo first >/root/marker");
  EXPECT_FALSE(On(second, "ssh", {"--", "cat /root/marker"}).Succeeded()) << "disks are separate";
  EXPECT_TRUE(On(second, "down").Succeeded());
  EXPECT_EQ(Inside("cat /root/marker"), "first\n");
}

TEST_F(LabLifecycle, RecoversFromAQemuThatWasKilled) {
  const std::string qemu = Record(shared_->lab).QemuName();
  kill(FindQemu(qemu).value(), SIGKILL);
  while (FindQemu(qemu)) {
  }
  EXPECT_EQ(Lab("status", {"--quiet"}).exit_status, 1);
  EXPECT_THAT(Lab("ssh", {"--", "true"}).output, HasSubstr("no lab is up"));
  const ChildResult up = Up(shared_->lab);
  ASSERT_TRUE(up.Succeeded()) << up.output;
  EXPECT_THAT(up.output, HasSubstr("removing what an earlier lab left behind"));
  Lab("down");
}

TEST_F(LabLifecycle, LeavesNothingWhenItIsInterrupted) {
  const ChildResult up = Up(shared_->lab, {"--fresh"}, 3s);  // then SIGTERM, long before it is up
  EXPECT_TRUE(up.timed_out);
  EXPECT_THAT(up.output, HasSubstr("interrupted by SIGTERM"));
  EXPECT_FALSE(fs::exists(shared_->lab)) << up.output;
}

TEST_F(LabLifecycle, DoesNotTrustABrokenSavedState) {
  for (const auto& entry : fs::directory_iterator(shared_->scratch.path() / "cache")) {
    fs::resize_file(entry.path() / "state", 4096);
  }
  const ChildResult up = Up(shared_->lab, {}, 30s);  // long enough to see what it does then
  EXPECT_THAT(up.output,
              AllOf(HasSubstr("its saved state does not work and is removed"), HasSubstr("lab host: booting")));
}

}  // namespace
}  // namespace passthrough
