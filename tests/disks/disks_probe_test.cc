// The real program, run by its probe on files in the place of disks, and read by the real parser.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <fstream>
#include <thread>

#include "helpers/base/files.h"
#include "helpers/health/devices/disk_problems.h"
#include "helpers/parsers/disks_evidence.h"
#include "helpers/process/child_process.h"
#include "lab/host/lab_disks.h"
#include "remote/disks/marked_data.h"

namespace passthrough {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const fs::path kProbe = fs::path(PASSTHROUGH_SOURCE_DIR) / "remote/probes/disks.sh";
const fs::path kProgram = fs::path(PASSTHROUGH_BINARY_DIR) / "libexec/pcie-passthrough-suite/disks";
constexpr uint64_t kBytes = 4u << 20;
const PciAddress kNvme = *PciAddress::Parse("0000:05:00.0");
const PciAddress kSecond = *PciAddress::Parse("0000:06:00.0");

class DisksProbeTest : public testing::Test {
 protected:
  DisksProbeTest() {
    options_.environment = {{"DISKS_PROGRAM", kProgram}, {"PROBE_ROOT", Root()}, {"DISKS_CALL_LIMIT", "2"}};
    for (const char* name : {"sys/block", "sys/bus/pci/devices", "proc", "dev"}) fs::create_directories(Root() / name);
    AddFunction("0000:05:00.0", "0x010802", "nvme", "40");
    AddDisk("nvme0n1", "../devices/pci0000:00/0000:00:03.0/0000:05:00.0/nvme/nvme0/nvme0n1");
    WriteFile(Root() / "proc/interrupts", "           CPU0       CPU1\n  40:  7  0  PCI-MSI 0-edge  nvme0q0\n");
  }
  fs::path Root() const { return directory_.path() / "root"; }
  fs::path Disk(const std::string& name) const { return Root() / "dev" / name; }
  void AddFunction(const std::string& address, const std::string& class_code, const std::string& driver,
                   const std::string& interrupt) {
    const fs::path function = Root() / "sys/bus/pci/devices" / address;
    fs::create_directories(function / "msi_irqs");
    WriteFile(function / "class", class_code + "\n");
    WriteFile(function / "msi_irqs" / interrupt, "msi\n");
    if (!driver.empty()) fs::create_symlink("../../../../bus/pci/drivers/" + driver, function / "driver");
  }
  void AddDisk(const std::string& name, const std::string& link) {
    const fs::path place = Root() / "sys/block" / link;
    fs::create_directories(place / "device");
    fs::create_symlink(link, Root() / "sys/block" / name);
    WriteFile(place / "size", fmt::format("{}\n", kBytes / 512));
    WriteFile(place / "ro", "0\n");
    WriteFile(place / "device/state", "live\n");
    WriteFile(place / "device/model", "A model              \n");
    WriteMarkedDisk(Disk(name), 0x1234, kBytes);
  }
  DisksEvidence Run() {
    const ChildResult result = RunChild({"sh", kProbe.string()}, options_, Deadline::After(std::chrono::minutes(2)));
    EXPECT_EQ(result.exit_status, 0) << result.output;
    text_ = result.output;
    return DisksEvidence::Parse(text_, "disks.txt");
  }
  passthrough::Disk RunOnOne() {
    const DisksEvidence evidence = Run();
    EXPECT_EQ(evidence.disks.size(), 1u) << text_;
    return evidence.disks.at(0);
  }

  const TemporaryDirectory directory_{"disks-probe"};
  ChildOptions options_;
  std::string text_;
};

TEST_F(DisksProbeTest, AMarkedDiskReturnsWhatItHolds) {
  const DisksEvidence evidence = Run();
  ASSERT_EQ(evidence.functions.size(), 1u) << text_;
  EXPECT_EQ(evidence.functions[0].driver, "nvme");
  EXPECT_EQ(evidence.functions[0].disks, 1);
  ASSERT_EQ(evidence.disks.size(), 1u) << text_;
  const passthrough::Disk& disk = evidence.disks[0];
  EXPECT_THAT(disk.addresses, ElementsAre(kNvme));
  EXPECT_EQ(disk.bytes, kBytes);
  EXPECT_EQ(disk.model, "A model");
  EXPECT_THAT(disk.trouble, IsEmpty());
  EXPECT_EQ(disk.reads, 2 * (4 + 256)) << "each twice";
  EXPECT_EQ(disk.failed_reads, 0);
  EXPECT_EQ(disk.differing_pages, 0u);
  EXPECT_GT(disk.marked_words, (kBytes - 4096) / 8) << "all of it, and places that were read once more";
  EXPECT_EQ(disk.wrong_words, 0u);
  EXPECT_EQ(disk.interrupts, 0u) << "those of before do not count";
  EXPECT_EQ(disk.writes_meanwhile, 0u);
  EXPECT_THAT(disk.health_error, HasSubstr("ioctl")) << "a file is no NVMe disk";
}

TEST_F(DisksProbeTest, OneWrongBitIsFoundWithItsPlace) {
  std::fstream file(Disk("nvme0n1"), std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(1 << 20);
  const char byte = static_cast<char>(file.get() ^ 0x10);
  file.seekp(1 << 20);
  file.put(byte);
  file.close();
  const passthrough::Disk disk = RunOnOne();
  EXPECT_GE(disk.wrong_words, 1u);
  ASSERT_FALSE(disk.wrong.empty()) << text_;
  EXPECT_EQ(disk.wrong[0].offset, 1u << 20);
  EXPECT_EQ(disk.wrong[0].expected ^ disk.wrong[0].found, 0x10u);
}

// Data of another place, as where blocks are mixed up, is right nowhere else.
TEST_F(DisksProbeTest, ABlockFromAnotherPlaceIsWrong) {
  std::string data = ReadFile(Disk("nvme0n1"), 2 * kBytes);
  data.replace(1 << 20, 4096, data.substr(2 << 20, 4096));
  WriteFile(Disk("nvme0n1"), data);
  EXPECT_GE(RunOnOne().wrong_words, 512u);
}

TEST_F(DisksProbeTest, WithoutAMarkTheContentIsNobodysBusiness) {
  WriteFile(Disk("nvme0n1"), std::string(kBytes, 'x'));
  const passthrough::Disk disk = RunOnOne();
  EXPECT_EQ(disk.marked_words, 0u);
  EXPECT_EQ(disk.differing_pages, 0u);
}

TEST_F(DisksProbeTest, DataThatChangesBetweenTwoReadsIsFound) {
  std::atomic<bool> done = false;
  std::thread writer([&] {
    for (unsigned char round = 0; !done; ++round) {
      std::fstream file(Disk("nvme0n1"), std::ios::in | std::ios::out | std::ios::binary);
      file << std::string(256 << 10, static_cast<char>(round));
    }
  });
  const passthrough::Disk disk = RunOnOne();
  done = true;
  writer.join();
  EXPECT_GT(disk.differing_pages.value_or(0), 0u) << text_;
}

TEST_F(DisksProbeTest, ReadsThatFailAreCountedAndNamed) {
  fs::resize_file(Disk("nvme0n1"), kBytes / 2);
  const passthrough::Disk disk = RunOnOne();
  EXPECT_GT(disk.failed_reads, 0);
  EXPECT_THAT(disk.first_error, HasSubstr("fewer bytes than asked for"));
}

TEST_F(DisksProbeTest, ADiskThatIsNotThereIsAFact) {
  fs::remove(Disk("nvme0n1"));
  const passthrough::Disk disk = RunOnOne();
  EXPECT_THAT(disk.trouble, HasSubstr("No such file"));
  EXPECT_FALSE(disk.may_not_be_read);
}

// Whoever opens a FIFO for reading waits for its other end, as for a device that does not answer.
TEST_F(DisksProbeTest, AHangIsAFactAndTheNextDiskGetsItsTurn) {
  AddFunction("0000:06:00.0", "0x010802", "nvme", "41");
  AddDisk("nvme1n1", "../devices/pci0000:00/0000:00:04.0/0000:06:00.0/nvme/nvme1/nvme1n1");
  fs::remove(Disk("nvme0n1"));
  ASSERT_EQ(mkfifo(Disk("nvme0n1").c_str(), 0600), 0);
  const DisksEvidence evidence = Run();
  ASSERT_EQ(evidence.disks.size(), 2u) << text_;
  EXPECT_THAT(evidence.disks[0].trouble, HasSubstr("open did not return"));
  EXPECT_THAT(evidence.disks[1].trouble, IsEmpty());
  EXPECT_THAT(evidence.disks[1].addresses, ElementsAre(kSecond));
}

// With CONFIG_NVME_MULTIPATH, what several controllers may reach is below their subsystem.
TEST_F(DisksProbeTest, ADiskOfASubsystemIsItsControllers) {
  fs::remove(Root() / "sys/block/nvme0n1");
  AddDisk("nvme0n1", "../devices/virtual/nvme-subsystem/nvme-subsys0/nvme0n1");
  fs::create_symlink("../../../pci0000:00/0000:00:03.0/0000:05:00.0/nvme/nvme0",
                     Root() / "sys/devices/virtual/nvme-subsystem/nvme-subsys0/nvme0");
  EXPECT_THAT(RunOnOne().addresses, ElementsAre(kNvme));
}

// Where it has two, as an SSD with two ports, it is a disk of both; the ways to it are hidden, and have no files in
// /dev.
TEST_F(DisksProbeTest, ADiskWithTwoWaysIsOfBothFunctions) {
  fs::remove(Root() / "sys/block/nvme0n1");
  AddFunction("0000:06:00.0", "0x010802", "nvme", "41");
  AddDisk("nvme0n1", "../devices/virtual/nvme-subsystem/nvme-subsys0/nvme0n1");
  for (const auto& [controller, address] : {std::pair("nvme0", "0000:05:00.0"), std::pair("nvme1", "0000:06:00.0")}) {
    fs::create_symlink(fmt::format("../../../pci0000:00/0000:00:03.0/{}/nvme/{}", address, controller),
                       Root() / "sys/devices/virtual/nvme-subsystem/nvme-subsys0" / controller);
  }
  const fs::path hidden = "../devices/pci0000:00/0000:00:03.0/0000:05:00.0/nvme/nvme0/nvme0c0n1";
  AddDisk("nvme0c0n1", hidden);
  WriteFile(Root() / "sys/block" / hidden / "hidden", "1\n");
  fs::remove(Disk("nvme0c0n1"));
  const DisksEvidence evidence = Run();
  ASSERT_EQ(evidence.disks.size(), 1u) << text_;
  EXPECT_THAT(evidence.disks[0].addresses, testing::UnorderedElementsAre(kNvme, kSecond));
  EXPECT_EQ(evidence.FindFunction(kSecond)->disks, 1) << text_;
  EXPECT_EQ(evidence.DisksOf(kSecond).size(), 1u);
}

TEST_F(DisksProbeTest, DrivesForDiscsAreNoDisks) {
  AddDisk("sr0", "../devices/pci0000:00/0000:00:03.0/0000:05:00.0/ata1/sr0");
  EXPECT_EQ(Run().disks.size(), 1u) << text_;
}

TEST_F(DisksProbeTest, WhatIsNoStorageOrNoPciDeviceIsLeftOut) {
  AddFunction("0000:01:00.0", "0x030000", "nvidia", "42");
  AddDisk("loop0", "../devices/virtual/block/loop0");
  AddDisk("sdz", "../devices/pci0000:00/0000:01:00.0/usb1/sdz");
  const DisksEvidence evidence = Run();
  EXPECT_EQ(evidence.functions.size(), 1u) << text_;
  EXPECT_EQ(evidence.disks.size(), 1u) << text_;
}

TEST_F(DisksProbeTest, AFunctionWithoutDriverHasNoDisk) {
  AddFunction("0000:06:00.0", "0x010601", "", "41");
  const DisksEvidence evidence = Run();
  const StorageFunction* const function = evidence.FindFunction(*PciAddress::Parse("0000:06:00.0"));
  ASSERT_NE(function, nullptr) << text_;
  EXPECT_EQ(function->driver, "none");
  EXPECT_EQ(function->disks, 0);
}

// Its function is at 00/03.0/00.0 of this fake bus.
class DisksOverwriteTest : public DisksProbeTest {
 protected:
  DisksOverwriteTest() {
    const fs::path function = Root() / "sys/bus/pci/devices/0000:05:00.0";
    const fs::path place = Root() / "sys/devices/pci0000:00/0000:00:03.0/0000:05:00.0";
    for (const auto& entry : fs::directory_iterator(function)) {
      fs::copy(entry.path(), place / entry.path().filename(),
               fs::copy_options::recursive | fs::copy_options::copy_symlinks);
    }
    fs::remove_all(function);
    fs::create_symlink("../../../devices/pci0000:00/0000:00:03.0/0000:05:00.0", function);
  }
  passthrough::Disk RunWithLeaveFor(const std::string& places) {
    options_.environment["DISKS_OVERWRITE"] = places;
    return RunOnOne();
  }
  std::string Content() const { return ReadFile(Disk("nvme0n1"), 2 * kBytes); }
};

TEST_F(DisksOverwriteTest, NothingIsWrittenWithoutLeaveForThatPlace) {
  const std::string before = Content();
  for (const char* places :
       {"", "00/03.0", "00/03.1/00.0", "00/03.0/00.0/00.0", "01/03.0/00.0", "00/03.0/00.00", ","}) {
    EXPECT_EQ(RunWithLeaveFor(places).writes, std::nullopt) << places;
    EXPECT_EQ(Content(), before) << places;
  }
}

TEST_F(DisksOverwriteTest, NothingIsWrittenWithoutAMark) {
  for (const std::string& begin : {std::string(), std::string("pcie-passthrough-suite disk 2\n"),
                                   std::string("pcie-passthrough-suite disk 1\nseed: 0000000000001234\nbytes: 4096\n"
                                               "state: whole\n")}) {
    std::string data = Content();
    data.replace(0, 4096, begin + std::string(4096 - begin.size(), '\0'));
    WriteFile(Disk("nvme0n1"), data);
    const passthrough::Disk disk = RunWithLeaveFor("00/03.0/00.0");
    ASSERT_TRUE(disk.writes) << text_;
    EXPECT_EQ(disk.writes->refused, "it has no mark");
    EXPECT_EQ(Content(), data);
  }
}

TEST_F(DisksOverwriteTest, WhatIsWrittenIsReadBackAndMarked) {
  const std::string before = Content();
  const passthrough::Disk disk = RunWithLeaveFor("00/01.0,00/03.0/00.0");
  ASSERT_TRUE(disk.writes) << text_;
  EXPECT_THAT(disk.writes->refused + disk.writes->error, IsEmpty());
  EXPECT_EQ(disk.writes->words, (kBytes - 4096) / 8);
  EXPECT_EQ(disk.writes->wrong, 0u);
  WriteMarkedDisk(Disk("expected"), 0x1235, kBytes);
  EXPECT_EQ(Content(), ReadFile(Disk("expected"), 2 * kBytes)) << "the next seed's";
  EXPECT_NE(Content(), before);
  const passthrough::Disk again = RunWithLeaveFor("");
  EXPECT_GT(again.marked_words, 0u);
  EXPECT_EQ(again.wrong_words, 0u);
}

// Half of it is that of before.
TEST_F(DisksOverwriteTest, ADiskWhoseWritingWasCutOffIsWrittenAnew) {
  WriteMarkedDisk(Disk("next"), 0x1235, kBytes);
  std::string data = ReadFile(Disk("next"), 2 * kBytes).substr(0, kBytes / 2) + Content().substr(kBytes / 2);
  const mark cut_off{0x1235, kBytes, 1};
  make_mark(reinterpret_cast<unsigned char*>(data.data()), &cut_off);
  WriteFile(Disk("nvme0n1"), data);
  const passthrough::Disk disk = RunWithLeaveFor("00/03.0/00.0");
  EXPECT_EQ(disk.marked_words, 0u) << "nothing is expected of it";
  ASSERT_TRUE(disk.writes) << text_;
  EXPECT_THAT(disk.writes->refused + disk.writes->error, IsEmpty());
  EXPECT_EQ(disk.writes->wrong, 0u);
  EXPECT_EQ(RunWithLeaveFor("").wrong_words, 0u);
}

// A partition table and what is in the partitions leave the mark's text where it is.
TEST_F(DisksOverwriteTest, NothingIsWrittenOverWhatCameAfterTheMark) {
  const std::string marked = Content();
  const auto refused = [&](const std::string& data) {
    WriteFile(Disk("nvme0n1"), data);
    const passthrough::Disk disk = RunWithLeaveFor("00/03.0/00.0");
    EXPECT_EQ(Content(), data) << text_;
    return disk.writes ? disk.writes->refused : "";
  };
  EXPECT_EQ(refused(std::string(marked).replace(510, 2, "\x55\xaa")), "it has no mark");
  EXPECT_EQ(refused(std::string(marked).replace(2 << 20, 4, "user")), "what is on it is not what its mark says");
  std::string larger = marked;
  const mark of_larger{0x1234, 4 * kBytes, 0};
  make_mark(reinterpret_cast<unsigned char*>(larger.data()), &of_larger);
  EXPECT_EQ(refused(larger), "its mark is of a larger disk");
  std::string cut_off = std::string(marked).replace(1 << 20, 4, "user");
  const mark being_written{0x1235, kBytes, 1};
  make_mark(reinterpret_cast<unsigned char*>(cut_off.data()), &being_written);
  EXPECT_EQ(refused(cut_off), "what is on it is not what its mark says");
}

TEST_F(DisksOverwriteTest, NothingIsWrittenUnderWhatTheKernelHasMadeOfTheDisk) {
  const std::string before = Content();
  const fs::path block = Root() / "sys/block/nvme0n1";
  fs::create_directories(block / "holders/dm-0");
  EXPECT_EQ(RunWithLeaveFor("00/03.0/00.0").writes->refused, "another device is made of it");
  fs::remove_all(block / "holders");
  fs::create_directories(block / "nvme0n1p1");
  WriteFile(block / "nvme0n1p1/partition", "1\n");
  EXPECT_EQ(RunWithLeaveFor("00/03.0/00.0").writes->refused, "it has partitions");
  EXPECT_EQ(Content(), before);
}

// libvirt's addresses are of domain 0.
TEST_F(DisksOverwriteTest, NothingIsWrittenInAnotherPciDomain) {
  const std::string before = Content();
  fs::rename(Root() / "sys/devices/pci0000:00", Root() / "sys/devices/pci0001:00");
  for (const char* link : {"sys/bus/pci/devices/0000:05:00.0", "sys/block/nvme0n1"}) {
    std::string target = fs::read_symlink(Root() / link);
    target.replace(target.find("pci0000"), 7, "pci0001");
    fs::remove(Root() / link);
    fs::create_symlink(target, Root() / link);
  }
  EXPECT_EQ(RunWithLeaveFor("00/03.0/00.0").writes, std::nullopt) << text_;
  EXPECT_EQ(Content(), before);
}

TEST_F(DisksProbeTest, OnlyADiskOfThatSizeIsMarked) {
  WriteFile(Disk("nvme0n1"), std::string(kBytes, 'x'));
  const auto mark = [&](const std::string& bytes) {
    return RunChild({kProgram.string(), "--mark", Disk("nvme0n1").string(), bytes}, options_,
                    Deadline::After(std::chrono::minutes(1)));
  };
  for (const std::string& bytes :
       {fmt::format("{}", kBytes + 1), fmt::format("{}x", kBytes), std::string("0"), std::string()}) {
    const ChildResult refused = mark(bytes);
    EXPECT_EQ(refused.exit_status, 1);
    EXPECT_THAT(refused.output, HasSubstr("nothing was written"));
    EXPECT_EQ(ReadFile(Disk("nvme0n1"), 2 * kBytes), std::string(kBytes, 'x'));
  }
  EXPECT_EQ(mark(fmt::format("{}", kBytes)).exit_status, 0);
  const passthrough::Disk disk = RunOnOne();
  EXPECT_GT(disk.marked_words, 0u);
  EXPECT_EQ(disk.wrong_words, 0u);
  for (const std::vector<std::string>& wrong :
       {std::vector<std::string>{"--mark", "x"}, {"--help"}, {"--unlink", "x"}}) {
    std::vector<std::string> argv{kProgram.string()};
    argv.insert(argv.end(), wrong.begin(), wrong.end());
    EXPECT_EQ(RunChild(argv, options_, Deadline::After(std::chrono::minutes(1))).exit_status, 64) << wrong[0];
  }
}

TEST_F(DisksProbeTest, AProgramThatIsMissingIsSaid) {
  options_.environment["DISKS_PROGRAM"] = "/nonexistent/disks";
  EXPECT_THAT(Run().trouble, HasSubstr("there is no /nonexistent/disks"));
}

}  // namespace
}  // namespace passthrough
