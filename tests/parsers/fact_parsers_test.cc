// The parsers of facts other than PCI's.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "helpers/parsers/fact_file.h"
#include "helpers/parsers/identity_evidence.h"
#include "helpers/parsers/kernel_log.h"
#include "helpers/parsers/nvidia/device_files_evidence.h"
#include "helpers/parsers/nvidia/modules_evidence.h"

namespace passthrough {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;

// What `parse` says of its text.
template <typename Parse>
std::string Finding(Parse parse) {
  try {
    parse();
  } catch (const EvidenceError& error) {
    return error.what();
  }
  return "no finding";
}

std::string FactComplaint(const std::string& text) {
  return Finding([&] { FactFile::Parse(text, "evidence/n/x.txt", "x", "block"); });
}

TEST(FactFile, ReadsFactsAndBlocks) {
  FactFile file =
      FactFile::Parse("a: 1\nb:\nblock: one\nc: x: y \nc: z\r\nblock: two\nend: x\n", "x.txt", "x", "block");
  EXPECT_EQ(file.head.Value("a"), "1");
  EXPECT_EQ(file.head.Find("b")->value, "");
  EXPECT_EQ(file.head.Find("c"), nullptr);
  ASSERT_EQ(file.blocks.size(), 2u);
  EXPECT_EQ(file.blocks[0].line, 3);
  EXPECT_EQ(file.blocks[0].Value("c"), "x: y");
  EXPECT_EQ(file.blocks[0].FindAll("c").size(), 2u);
  EXPECT_EQ(file.blocks[0].FindAll("c")[1]->value, "z");
  EXPECT_EQ(file.blocks[1].line, 6);
  EXPECT_EQ(file.last_line, 7);
}

TEST(FactFile, SaysWhatIsWrong) {
  EXPECT_THAT(FactComplaint("a: 1\n"), HasSubstr("x.txt:1: cut short"));
  EXPECT_THAT(FactComplaint(""), HasSubstr("x.txt: cut short"));
  EXPECT_THAT(FactComplaint("a: 1\nend: y\n"), HasSubstr("x.txt:2: expected the end of probe x"));
  EXPECT_THAT(FactComplaint("end: x\na: 1\n"), HasSubstr("x.txt:2: there is text after"));
  EXPECT_THAT(FactComplaint("hello\nend: x\n"), HasSubstr("x.txt:1: expected \"key: value\""));
  EXPECT_THAT(FactComplaint("A: 1\nend: x\n"), HasSubstr("x.txt:1: expected \"key: value\""));
  EXPECT_THAT(FactComplaint("\x1b[2J: 1\nend: x\n"), HasSubstr("\\x1b[2J"));
  EXPECT_THAT(FactComplaint(std::string(5u << 20, 'x')), HasSubstr("a probe prints at most"));
  EXPECT_LT(FactComplaint(std::string(100000, 'x')).size(), 400u);
}

TEST(FactFile, ReadsNumbersInFull) {
  FactFile file = FactFile::Parse("n: 12x\nend: x\n", "x.txt", "x");
  auto integer = [&](const std::string& value) { return Finding([&] { file.ToInteger({"n", value, 1}, -1, 100); }); };
  auto hex = [&](const std::string& value) { return Finding([&] { file.ToHex({"n", value, 1}, 0xff); }); };
  EXPECT_EQ(file.ToInteger({"n", "-1", 1}, -1, 100), -1);
  EXPECT_EQ(file.ToHex({"n", "0xfF", 1}, 0xff), 0xffu);
  for (const char* bad : {"", "12x", " 1", "101", "-2", "99999999999999999999", "0x10"}) {
    EXPECT_THAT(integer(bad), HasSubstr("x.txt:1: n: expected a whole number from -1 to 100"));
  }
  for (const char* bad : {"", "0x", "0xg", "-1", "0x100", "fffffffffffffffff"}) {
    EXPECT_THAT(hex(bad), HasSubstr("x.txt:1: n: expected a hexadecimal number up to 0xff"));
  }
}

TEST(ModulesEvidence, SaysWhatIsWrong) {
  auto finding = [](const std::string& text) {
    return Finding([&] { ModulesEvidence::Parse(text + "end: modules\n", "m.txt"); });
  };
  EXPECT_EQ(finding("kernel_release: 6.1\nmodule: nvidia - - Live\n"), "no finding");
  EXPECT_THAT(finding(""), HasSubstr("no fact \"kernel_release\""));
  EXPECT_THAT(finding("kernel_release: 6.1\nmodule: nvidia\n"), HasSubstr("m.txt:2: "));
  EXPECT_THAT(finding("kernel_release: 6.1\nmodule: nvidia many - Live\n"), HasSubstr("m.txt:2: "));
  EXPECT_THAT(finding("kernel_release: 6.1\nmodules_error: cannot read /proc/modules\n"),
              HasSubstr("m.txt:2: cannot read /proc/modules"));
}

TEST(ModulesEvidence, FindsTheVersionInTheDriversWords) {
  auto version = [](const std::string& words) {
    return ModulesEvidence::Parse("kernel_release: 6.1\ndriver_version_text: " + words + "\nend: modules\n", "m.txt")
        .DriverVersion();
  };
  EXPECT_EQ(version("NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.54.03  Tue Jun  6"), "535.54.03");
  EXPECT_EQ(version("NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  610.43.02  Release"), "610.43.02");
  EXPECT_EQ(version("NVRM version: SIMULATED STUB kernel module  000.00  (lab only)"), "000.00");
  EXPECT_EQ(version("nothing"), "");
}

TEST(DeviceFilesEvidence, SaysWhatIsWrong) {
  auto finding = [](const std::string& text) {
    return Finding([&] { DeviceFilesEvidence::Parse("user_id: 0\n" + text + "end: device_files\n", "d.txt"); });
  };
  const std::string file = "file: /dev/nvidia0\nmode: crw-rw-rw-\nuid: 0\ngid: 0\n";
  EXPECT_EQ(finding(file + "device: 195 0\nopens: yes\n"), "no finding");
  EXPECT_THAT(finding(file), HasSubstr("d.txt:2: file /dev/nvidia0 has no fact \"device\""));
  EXPECT_THAT(finding(file + "device: 195\n"), HasSubstr("d.txt:6: "));
  EXPECT_THAT(finding(file + "device: 4096 0\n"), HasSubstr("d.txt:6: "));
  EXPECT_THAT(finding(file + "device: 195 1048576\n"), HasSubstr("d.txt:6: "));
  EXPECT_THAT(finding("file: /etc/passwd\n"), HasSubstr("d.txt:2: "));
  EXPECT_THAT(finding("major: 195\n"), HasSubstr("d.txt:2: "));
}

TEST(DeviceFilesEvidence, WhereLinksLead) {
  const DeviceFilesEvidence devices = DeviceFilesEvidence::Parse(
      "user_id: 0\nfile: /dev/nvidia0\nmode: lrwxrwxrwx\nuid: 0\ngid: 0\nlink: nowhere\n"
      "link_error: No such file\nfile: /dev/nvidia-caps/nvidia-cap1\nmode: drwx------\nuid: 0\ngid: 0\n"
      "end: device_files\n",
      "d.txt");
  EXPECT_EQ(devices.Find("/dev/nvidia0")->link, "nowhere");
  EXPECT_EQ(devices.Find("/dev/nvidia0")->link_error, "No such file");
  EXPECT_EQ(devices.CapabilityFiles().size(), 1u);
}

TEST(DeviceFilesEvidence, TellsGpusFromOtherFiles) {
  std::string text = "user_id: 1000\n";
  for (const char* name : {"nvidia0", "nvidia12", "nvidiactl", "nvidia-uvm", "nvidia01", "nvidia", "nvidia99999999999",
                           "nvidia1x", "nvidia-caps/nvidia-cap1"}) {
    text += std::string("file: /dev/") + name + "\nmode: crw-rw-rw-\nuid: 0\ngid: 0\ndevice: 195 0\nopens: yes\n";
  }
  DeviceFilesEvidence devices = DeviceFilesEvidence::Parse(text + "end: device_files\n", "d.txt");
  std::map<int, const DeviceFile*> gpus = devices.GpuFiles();
  ASSERT_EQ(gpus.size(), 2u);
  EXPECT_EQ(gpus.at(0)->path, "/dev/nvidia0");
  EXPECT_EQ(gpus.at(12)->path, "/dev/nvidia12");
  EXPECT_TRUE(gpus.at(0)->opens);
}

TEST(IdentityEvidence, SaysWhatIsWrong) {
  const std::string good = "kernel_release: 6.1\nboot_id: b\nproduct_uuid: U\nuptime_seconds: 1.5\nepoch_seconds: 2\n";
  auto finding = [](const std::string& text) {
    return Finding([&] { IdentityEvidence::Parse(text + "end: identity\n", "i.txt"); });
  };
  auto without = [&](const std::string& line) {
    std::string text = good;
    return text.erase(text.find(line), text.find('\n', text.find(line)) - text.find(line) + 1);
  };
  EXPECT_EQ(finding(good), "no finding");
  EXPECT_EQ(finding(without("product_uuid") + "product_uuid_error: not privileged\n"), "no finding");
  for (const char* line : {"kernel_release", "boot_id", "uptime_seconds", "epoch_seconds"}) {
    EXPECT_THAT(finding(without(line)), HasSubstr(std::string("no fact \"") + line + "\""));
  }
  EXPECT_THAT(finding(without("product_uuid")), HasSubstr("product_uuid_error"));
  for (const char* bad : {"x", "-1", "1.5x", "nan", "inf", "1e300", ""}) {
    EXPECT_THAT(finding(without("uptime") + "uptime_seconds: " + bad + "\n"),
                HasSubstr("i.txt:5: uptime_seconds: expected seconds"))
        << bad;
  }
}

TEST(KernelLog, ReadsLinesWithAndWithoutStamps) {
  KernelLog log = KernelLog::Parse(
      "artial line\n[    0.000000] Linux version\n[ 1234.567890] NVRM: Xid (PCI:0000:01:00): 79\n"
      "[x] odd\n\n[    2.0]\tno space\n",
      "k.txt");
  ASSERT_EQ(log.lines.size(), 5u);
  EXPECT_EQ(log.lines[0].seconds, std::nullopt);
  EXPECT_EQ(log.lines[2].seconds, 1234.567890);
  EXPECT_EQ(log.lines[2].text, "NVRM: Xid (PCI:0000:01:00): 79");
  EXPECT_EQ(log.lines[2].line, 3);
  EXPECT_EQ(log.lines[3].text, "[x] odd");
  EXPECT_EQ(log.lines[4].line, 6);
  EXPECT_EQ(log.Containing("NVRM: Xid").size(), 1u);
  EXPECT_THAT(log.Containing("nouveau"), IsEmpty());
}

// journalctl -k -o short-monotonic names the host and the kernel in every line.
TEST(KernelLog, ReadsTheJournal) {
  const KernelLog log = KernelLog::Parse(
      "e rest of a line that was cut\n[    0.000000] compute-01 kernel: Linux version\n"
      "[   70.1] compute-01 kernel: NVRM: Xid (PCI:0000:01:00): 79\n   of several lines\n",
      "k.txt");
  ASSERT_EQ(log.lines.size(), 4u);
  EXPECT_EQ(log.lines[1].text, "Linux version");
  EXPECT_EQ(log.lines[2].text, "NVRM: Xid (PCI:0000:01:00): 79");
  EXPECT_EQ(log.lines[2].seconds, 70.1);
  EXPECT_EQ(log.lines[3].text, "   of several lines");
  const KernelLog ring = KernelLog::Parse("[    0.0] Linux version\n[    1.0] usb kernel: text\n", "k.txt");
  EXPECT_EQ(ring.lines[1].text, "usb kernel: text") << "not the journal's";
}

// dmesg -r: severity and facility before the time stamp.
TEST(KernelLog, ReadsTheRawForm) {
  const KernelLog log = KernelLog::Parse(
      "<5>[    0.000000] Linux version\n<11>[    1.0] text\n<x>[    1.0] odd\n<1234>[ 1.0] odd\n[    1.5] none\n",
      "k.txt");
  ASSERT_EQ(log.lines.size(), 5u);
  EXPECT_EQ(log.lines[0].level, 5);
  EXPECT_EQ(log.lines[0].seconds, 0.0);
  EXPECT_EQ(log.lines[1].level, 3);
  EXPECT_EQ(log.lines[1].text, "text");
  EXPECT_EQ(log.lines[2].text, "<x>[    1.0] odd");
  EXPECT_EQ(log.lines[3].level, std::nullopt);
  EXPECT_EQ(log.lines[4].level, std::nullopt);
  EXPECT_EQ(log.lines[4].text, "none");
}

TEST(KernelLog, WhereItBegins) {
  const auto begin = [](const std::string& text) {
    const KernelLog log = KernelLog::Parse(text, "k.txt");
    return std::pair(log.begins_at, log.begins_line);
  };
  EXPECT_EQ(begin("cut\n[ 5400.5] x\n[ 5401.0] y\n"), std::pair(std::optional(5400.5), 2));
  EXPECT_EQ(begin("[ 61.0] host kernel: x\n"), std::pair(std::optional(61.0), 1));
  EXPECT_EQ(begin("[   59.9] x\n"), std::pair(std::optional(59.9), 1)) << "the boot's banner is not there";
  const std::pair<std::optional<double>, int> whole;
  EXPECT_EQ(begin("[    0.1] microcode: x\n[    0.1] Linux version 6.1\n"), whole);
  EXPECT_EQ(begin("[    0.000000] Booting Linux\n[    1.0] x\n"), whole);
  EXPECT_EQ(begin("no stamp at all\n"), whole);
}

TEST(KernelLog, WhatTheProbeLeftOut) {
  const KernelLog log = KernelLog::Parse("[ 0.0] x\nkernel_log: left out 12 lines, 900 bytes\n[ 9.0] y\n", "k.txt");
  EXPECT_EQ(log.left_out, "12 lines, 900 bytes");
  EXPECT_EQ(log.left_out_line, 2);
  ASSERT_EQ(log.lines.size(), 2u);
  EXPECT_EQ(log.lines[1].line, 3);
}

TEST(KernelLog, WhatCameSinceAnEarlierOne) {
  const auto since = [](const std::string& text, const std::string& earlier) {
    std::string lines;
    for (const KernelLogLine& one : KernelLog::Parse(text, "k.txt").Since(KernelLog::Parse(earlier, "e.txt")).lines) {
      lines += one.text;
    }
    return lines;
  };
  EXPECT_EQ(since("[ 0.0] a\n[ 1.0] b\n c\n[ 2.0] d\n", "[ 0.0] a\n[ 0.5] x\n"), "b cd");
  EXPECT_EQ(since("[ 0.0] a\n[ 1.0] b\n", "[ 0.0] a\n[ 1.0] b\n rest\n"), "");
  EXPECT_EQ(since("[ 7.0] later\n", "[ 0.0] a\n"), "later") << "what was before is lost";
  EXPECT_EQ(since("a\nb\nc\n", "a\nb\n"), "c");
  const KernelLog log = KernelLog::Parse("[ 90.0] b\n", "k.txt");
  EXPECT_EQ(log.Since(KernelLog::Parse("[ 0.0] a\n", "e.txt")).begins_at, 90.0);
  EXPECT_EQ(log.Since(KernelLog::Parse("[ 95.0] a\n", "e.txt")).begins_at, std::nullopt);
}

TEST(KernelLog, AnEmptyOneWasNotReadable) {
  for (const char* text : {"", "\n\n"}) {
    EXPECT_THAT(Finding([&] { KernelLog::Parse(text, "k.txt"); }), HasSubstr("k.txt: the kernel's log is empty"));
  }
}

}  // namespace
}  // namespace passthrough
