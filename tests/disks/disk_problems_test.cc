#include "helpers/health/devices/disk_problems.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "helpers/base/files.h"

namespace passthrough {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr char kName[] = "storage device 0000:81:00.0";

// What the probe printed of a healthy disk, with `from` replaced by `to`.
DisksEvidence With(const std::string& from, const std::string& to) {
  std::string text = ReadFile(PASSTHROUGH_SOURCE_DIR "/tests/parsers/seeds/disks.txt");
  const size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  text.replace(at, from.size(), to);
  return DisksEvidence::Parse(text, "evidence/n/disks.txt");
}

using ProblemsOf = Findings (*)(const DisksEvidence&, const Disk&, const std::string&);

// What may be said of a disk that is to be written to.
std::string WriteProblem(const std::string& lines) {
  const DisksEvidence evidence = With("writes_meanwhile: 0\n", "writes_meanwhile: 0\n" + lines);
  const Findings findings = DiskWriteProblems(evidence, evidence.disks.at(0), kName);
  return findings.empty() ? "" : findings.at(0).found;
}

TEST(DiskWriteProblemsTest, OnlyWhatWasReadBackWholeIsRight) {
  EXPECT_THAT(WriteProblem("phase: writes\nwritten_bytes: 8192\nwritten_words: 512 0\n"), IsEmpty());
  EXPECT_THAT(
      WriteProblem("phase: writes\nwrong_written: 8192 0000000000000001 0000000000000000\nwritten_words: 512 1\n"),
      HasSubstr("1 of 512 words of 64 bits, the first at byte 8192: 0000000000000000, expected "
                "0000000000000001"));
  EXPECT_THAT(WriteProblem("phase: writes\nnot_written: it has no mark\n"), HasSubstr("it has no mark"));
  EXPECT_THAT(WriteProblem("phase: writes\nwrite_error: Input/output error\n"), HasSubstr("Input/output error"));
  EXPECT_THAT(WriteProblem("phase: writes\nhung: flush 21\n"), HasSubstr("flush did not return within 21 s"));
  EXPECT_THAT(WriteProblem("phase: writes\nwritten_bytes: 8192\nwritten_words: 1 0\n"),
              HasSubstr("not read back whole"));
  EXPECT_THAT(WriteProblem("phase: writes\n"), HasSubstr("the program does not say why"));
  EXPECT_THAT(WriteProblem(""), HasSubstr("the node was not told to"));
}

constexpr ProblemsOf kAll[] = {DiskStateProblems, DiskHealthProblems, ReadOnlyDiskProblems, DiskReadProblems,
                               DiskInterruptProblems};

// Of its first disk, by all functions; "note: " before what is one.
std::vector<std::string> ProblemsWith(const std::string& from, const std::string& to) {
  const DisksEvidence evidence = With(from, to);
  std::vector<std::string> found;
  for (const ProblemsOf problems : kAll) {
    for (const Finding& finding : problems(evidence, evidence.disks.at(0), kName)) {
      EXPECT_THAT(finding.where, HasSubstr("evidence/n/disks.txt:"));
      EXPECT_FALSE(finding.advice.empty());
      found.push_back((finding.note ? "note: " : "") + finding.found);
    }
  }
  return found;
}

TEST(DiskProblemsTest, AHealthyDiskHasNone) { EXPECT_THAT(ProblemsWith("state: live", "state: live"), IsEmpty()); }

TEST(DiskProblemsTest, WhatIsWrongIsSaidOnce) {
  const std::vector<std::array<std::string, 3>> cases = {
      {"state: live", "state: resetting", "is in state \"resetting\""},
      {"bytes: 33554432", "bytes: 0", "has no size"},
      {"read_only: 0", "read_only: 1", "is read-only"},
      {"critical_warning: 0", "critical_warning: 1", "spare blocks are below its threshold"},
      {"critical_warning: 0", "critical_warning: 2", "temperature"},
      {"critical_warning: 0", "critical_warning: 4", "no longer reliable"},
      {"critical_warning: 0", "critical_warning: 8", "made itself read-only"},
      {"critical_warning: 0", "critical_warning: 64", "does not know (critical warning 0x40)"},
      {"critical_warning: 0", "critical_warning: 256", "does not know (critical warning 0x100)"},
      {"critical_warning: 0\n", "", "nothing is known of its health"},
      {"critical_warning: 0", "health_error: NVMe status 0x2006", "its disk nvme0n1: its health log could not be read"},
      {"differing_pages: 0\n", "", "the program does not say what came of it"},
      {"media_errors: 0", "media_errors: 3", "note: storage device 0000:81:00.0: its disk nvme0n1 has met 3 media"},
      {"percentage_used: 0", "percentage_used: 131",
       "note: storage device 0000:81:00.0: its disk nvme0n1 has used 131 %"},
      {"critical_warning: 0", "health_error: Permission denied",
       "note: storage device 0000:81:00.0: its disk nvme0n1: its "},
      {"differing_pages: 0", "differs: 4096\ndiffering_pages: 1", "1 of its pages of 4 KiB returned other data"},
      {"marked_words: 2228224 0", "wrong: 8192 00000000000000ff 00000000000000fe\nmarked_words: 2228224 1",
       "1 of 2228224 words of 64 bits, the first at byte 8192: 00000000000000fe, expected 00000000000000ff"},
      {"reads: 544 0", "read_error: 4096 Input/output error\nreads: 544 1",
       "1 of 544 reads failed, the first at byte 4096 Input/output error"},
      {"interrupts: 544", "interrupts: 0", "no interrupt arrived (msi) while 544 reads were done"},
      {"done: yes\n", "", "the program ended before it was done"},
      {"done: yes\n", "hung: large_read 20\n", "large_read did not return within 20 s"},
  };
  for (const auto& [from, to, says] : cases) {
    EXPECT_THAT(ProblemsWith(from, to), ElementsAre(HasSubstr(says))) << to;
  }
}

TEST(DiskProblemsTest, ADiskThatOthersWriteToMayDiffer) {
  const DisksEvidence evidence = With("differing_pages: 0", "differing_pages: 1\nwrites_meanwhile: 7");
  const Findings findings = DiskReadProblems(evidence, evidence.disks.at(0), kName);
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_TRUE(findings[0].note);
}

TEST(DiskProblemsTest, AUserWhoMayNotReadIsToldSo) {
  const DisksEvidence evidence = DisksEvidence::Parse(
      "function: 0000:05:00.0 nvme 1\ndisk: nvme0n1\npci_address: 0000:05:00.0\nbytes: 4096\n"
      "open_error: Permission denied\nend: disks\n",
      "d.txt");
  const Findings findings = DiskReadProblems(evidence, evidence.disks.at(0), kName);
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_TRUE(findings[0].note);
  EXPECT_THAT(findings[0].advice, HasSubstr("sudo"));
}

TEST(DiskProblemsTest, MissingDisks) {
  const DisksEvidence healthy = With("state: live", "state: live");
  const auto nvme = *PciAddress::Parse("0000:05:00.0");
  const auto sata = *PciAddress::Parse("0000:06:00.0");
  EXPECT_THAT(MissingDiskProblems(healthy, nvme, true, kName), IsEmpty());
  Findings findings = MissingDiskProblems(healthy, sata, false, kName);
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_TRUE(findings[0].note) << "nothing need be connected to it";
  const auto third = *PciAddress::Parse("0000:07:00.0");
  findings =
      MissingDiskProblems(With("06:00.0 ahci 0", "06:00.0 ahci 0\nfunction: 0000:07:00.0 nvme 0"), third, true, kName);
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_FALSE(findings[0].note);
  // One that the program did not come to.
  findings = MissingDiskProblems(With("06:00.0 ahci 0", "06:00.0 ahci 2"), sata, false, kName);
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_FALSE(findings[0].note);
  EXPECT_THAT(findings[0].found, HasSubstr("has 2 disks, of which 0 were looked at"));
  findings = MissingDiskProblems(With("06:00.0 ahci 0", "06:00.0 none 0"), sata, false, kName);
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_THAT(findings[0].found, HasSubstr("has no driver"));
  findings = MissingDiskProblems(healthy, *PciAddress::Parse("0000:07:00.0"), true, kName);
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_THAT(findings[0].found, HasSubstr("where no mass storage controller is"));
}

}  // namespace
}  // namespace passthrough
