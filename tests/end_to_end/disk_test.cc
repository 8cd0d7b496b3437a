// Disks that are really passed through, in a lab: what their nodes read by DMA is what is in their files outside.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

#include "helpers/parsers/disks_evidence.h"
#include "lab/host/lab_directory.h"
#include "lab/host/lab_disks.h"
#include "lab/host/qmp.h"
#include "remote/disks/marked_data.h"
#include "tests/end_to_end/lab_cluster.h"

namespace passthrough {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const fs::path kConfig = fs::path(PASSTHROUGH_SOURCE_DIR) / "tests/end_to_end/disks.yaml";

DisksEvidence DisksOf(const TestLab& lab, const std::string& node) {
  const fs::path file = lab.Latest() / "evidence" / node / "disks.txt";
  return DisksEvidence::Parse(ReadFile(file), file);
}

// Changes a bit of the file that is a disk of the lab, while its node runs.
void FlipBit(const TestLab& lab, const std::string& disk, long offset) {
  std::fstream file(lab.directory() / disk, std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(offset);
  const char byte = static_cast<char>(file.get() ^ 1);
  file.seekp(offset);
  file.put(byte);
}

// The profile lab, in which one of the disks may be overwritten. Returns its file.
fs::path ProfileWithOverwriting(const TestLab& lab) {
  const fs::path file = lab.Path("overwriting.yaml");
  WriteFile(file, ReadFile(fs::path(PASSTHROUGH_SOURCE_DIR) / "configs/profiles/lab.yaml") +
                      "\nmay_be_overwritten: [\"0000:05:00.0\"]\n");
  return file;
}

// What reached the disk outside since its QEMU started, as QEMU counts it.
int64_t WritesOutside(const TestLab& lab, const std::string& drive) {
  const Deadline deadline = Deadline::After(std::chrono::minutes(1));
  QmpConnection qmp = QmpConnection::Open(LabPaths(lab.directory()).qmp_socket(), deadline);
  for (const auto& one : qmp.Execute("query-blockstats", deadline)) {
    if (one.at("device") == drive) return one.at("stats").at("wr_operations").get<int64_t>();
  }
  ADD_FAILURE() << "QEMU has no drive " << drive;
  return -1;
}

// The first `bytes` of a file.
std::string BeginOf(const fs::path& file, size_t bytes) { return ReadFile(file).substr(0, bytes); }

TEST(DiskTest, NodesReadByDmaWhatIsOutside) {
  TestLab lab(kConfig);
  lab.MustLab("up", {kConfig.string()});
  const Inventory before = lab.Libvirt().TakeInventory();
  const fs::path read_only = lab.directory() / "disk-0000-06-00-0.raw";
  const std::string data = ReadFile(read_only);
  const ChildResult run = lab.Suite({"--no-cleanup", "--profile", ProfileWithOverwriting(lab).string()});
  EXPECT_EQ(run.exit_status, 0) << run.output;
  EXPECT_THAT(ReadJunit(lab.Latest() / "junit.xml").all,
              AllOf(Contains("DiskWork.ReturnsWhatItHolds/hpc_compute_01_0000_05_00_0"),
                    Contains("DiskWork.InterruptsArrive/hpc_compute_02_0000_06_00_0")));
  for (const auto& [node, name] : {std::pair("hpc_compute_01", "nvme"), {"hpc_compute_02", "vd"}}) {
    const DisksEvidence evidence = DisksOf(lab, node);
    const auto disk = std::find_if(evidence.disks.begin(), evidence.disks.end(),
                                   [](const Disk& one) { return one.marked_words > 0; });
    ASSERT_NE(disk, evidence.disks.end()) << node;
    EXPECT_THAT(disk->name, testing::StartsWith(name));
    EXPECT_GT(disk->marked_words, 1u << 17) << "1 MiB, on the slowest machine";
    EXPECT_EQ(disk->wrong_words, 0u);
    EXPECT_GT(disk->interrupts.value_or(0), 0u);
  }

  // Only the one that the profile names was written to, and what the node wrote is outside.
  EXPECT_THAT(ReadJunit(lab.Latest() / "junit.xml").all,
              Contains("DiskOverwrite.ReturnsWhatWasWritten/hpc_compute_01_0000_05_00_0"));
  EXPECT_GT(WritesOutside(lab, "storage1"), 0);
  EXPECT_EQ(WritesOutside(lab, "storage2"), 0);
  EXPECT_EQ(ReadFile(read_only), data);
  constexpr size_t kWritten = 16u << 20;
  const fs::path expected = lab.Path("expected.raw");
  const std::string now = BeginOf(lab.directory() / "disk-0000-05-00-0.raw", kWritten);
  mark mark{};
  ASSERT_TRUE(read_mark(reinterpret_cast<const unsigned char*>(now.data()), &mark));
  WriteMarkedDisk(expected, mark.seed, mark.bytes);
  EXPECT_EQ(now.substr(0, mark.bytes), ReadFile(expected));
  EXPECT_NE(mark.seed, SeedOfLabDisk(*PciAddress::Parse("0000:05:00.0")));

  FlipBit(lab, "disk-0000-05-00-0.raw", 1 << 20);
  const ChildResult again = lab.Suite({"--attach", "--gtest_filter=DiskWork.*"});
  EXPECT_EQ(again.exit_status, 1) << again.output;
  EXPECT_THAT(ReadJunit(lab.Latest() / "junit.xml").failed,
              ElementsAre("DiskWork.ReturnsWhatItHolds/hpc_compute_01_0000_05_00_0"));
  EXPECT_THAT(again.output, HasSubstr("the first at byte 1048576"));
  lab.MustLab("destroy", {kConfig.string(), "--force"});
  EXPECT_THAT(DescribeDifferences(before, lab.Libvirt().TakeInventory()), IsEmpty());
}

}  // namespace
}  // namespace passthrough
