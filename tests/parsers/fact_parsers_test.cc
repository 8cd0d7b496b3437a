// The parsers of facts other than PCI's.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "helpers/parsers/device_files_evidence.h"
#include "helpers/parsers/fact_file.h"
#include "helpers/parsers/identity_evidence.h"
#include "helpers/parsers/kernel_log.h"
#include "helpers/parsers/modules_evidence.h"

namespace passthrough {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;

// What `parse` says of its text.
template <typename Parse>
std::string Complaint(Parse parse) {
  try {
    parse();
  } catch (const EvidenceError& error) {
    return error.what();
  }
  return "no complaint";
}

std::string FactComplaint(const std::string& text) {
  return Complaint([&] { FactFile::Parse(text, "evidence/n/x.txt", "x", "block"); });
}

TEST(FactFile, ReadsFactsAndBlocks) {
  FactFile file = FactFile::Parse("a: 1\nb:\nblock: one\nc: x: y \nc: z\r\nblock: two\nend: x\n",
                                  "x.txt", "x", "block");
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
  auto integer = [&](const std::string& value) {
    return Complaint([&] { file.ToInteger({"n", value, 1}, -1, 100); });
  };
  auto hex = [&](const std::string& value) {
    return Complaint([&] { file.ToHex({"n", value, 1}, 0xff); });
  };
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
  auto complaint = [](const std::string& text) {
    return Complaint([&] { ModulesEvidence::Parse(text + "end: modules\n", "m.txt"); });
  };
  EXPECT_EQ(complaint("kernel_release: 6.1\nmodule: nvidia - - Live\n"), "no complaint");
  EXPECT_THAT(complaint(""), HasSubstr("no fact \"kernel_release\""));
  EXPECT_THAT(complaint("kernel_release: 6.1\nmodule: nvidia\n"), HasSubstr("m.txt:2: "));
  EXPECT_THAT(complaint("kernel_release: 6.1\nmodule: nvidia many - Live\n"),
              HasSubstr("m.txt:2: "));
  EXPECT_THAT(complaint("kernel_release: 6.1\nmodules_error: cannot read /proc/modules\n"),
              HasSubstr("m.txt:2: cannot read /proc/modules"));
}

TEST(ModulesEvidence, FindsTheVersionInTheDriversWords) {
  auto version = [](const std::string& words) {
    return ModulesEvidence::Parse(
               "kernel_release: 6.1\ndriver_version_text: " + words + "\nend: modules\n", "m.txt")
        .DriverVersion();
  };
  EXPECT_EQ(version("NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.54.03  Tue Jun  6"),
            "535.54.03");
  EXPECT_EQ(version("NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  610.43.02  Release"),
            "610.43.02");
  EXPECT_EQ(version("NVRM version: SIMULATED STUB kernel module  000.00  (lab only)"), "000.00");
  EXPECT_EQ(version("nothing"), "");
}

TEST(DeviceFilesEvidence, SaysWhatIsWrong) {
  auto complaint = [](const std::string& text) {
    return Complaint([&] {
      DeviceFilesEvidence::Parse("user_id: 0\n" + text + "end: device_files\n", "d.txt");
    });
  };
  const std::string file = "file: /dev/nvidia0\nmode: crw-rw-rw-\nuid: 0\ngid: 0\n";
  EXPECT_EQ(complaint(file + "device: 195 0\nopens: yes\n"), "no complaint");
  EXPECT_THAT(complaint(file), HasSubstr("d.txt:2: file /dev/nvidia0 has no fact \"device\""));
  EXPECT_THAT(complaint(file + "device: 195\n"), HasSubstr("d.txt:6: "));
  EXPECT_THAT(complaint(file + "device: 4096 0\n"), HasSubstr("d.txt:6: "));
  EXPECT_THAT(complaint(file + "device: 195 1048576\n"), HasSubstr("d.txt:6: "));
  EXPECT_THAT(complaint("file: /etc/passwd\n"), HasSubstr("d.txt:2: "));
  EXPECT_THAT(complaint("major: 195\n"), HasSubstr("d.txt:2: "));
}

TEST(DeviceFilesEvidence, TellsGpusFromOtherFiles) {
  std::string text = "user_id: 1000\n";
  for (const char* name : {"nvidia0", "nvidia12", "nvidiactl", "nvidia-uvm", "nvidia01", "nvidia",
                           "nvidia99999999999", "nvidia1x", "nvidia-caps/nvidia-cap1"}) {
    text += std::string("file: /dev/") + name +
            "\nmode: crw-rw-rw-\nuid: 0\ngid: 0\ndevice: 195 0\nopens: yes\n";
  }
  DeviceFilesEvidence devices = DeviceFilesEvidence::Parse(text + "end: device_files\n", "d.txt");
  std::map<int, const DeviceFile*> gpus = devices.GpuFiles();
  ASSERT_EQ(gpus.size(), 2u);
  EXPECT_EQ(gpus.at(0)->path, "/dev/nvidia0");
  EXPECT_EQ(gpus.at(12)->path, "/dev/nvidia12");
  EXPECT_TRUE(gpus.at(0)->opens);
}

TEST(IdentityEvidence, SaysWhatIsWrong) {
  const std::string good =
      "kernel_release: 6.1\nboot_id: b\nproduct_uuid: U\nuptime_seconds: 1.5\nepoch_seconds: 2\n";
  auto complaint = [](const std::string& text) {
    return Complaint([&] { IdentityEvidence::Parse(text + "end: identity\n", "i.txt"); });
  };
  auto without = [&](const std::string& line) {
    std::string text = good;
    return text.erase(text.find(line), text.find('\n', text.find(line)) - text.find(line) + 1);
  };
  EXPECT_EQ(complaint(good), "no complaint");
  EXPECT_EQ(complaint(without("product_uuid") + "product_uuid_error: not privileged\n"),
            "no complaint");
  for (const char* line : {"kernel_release", "boot_id", "uptime_seconds", "epoch_seconds"}) {
    EXPECT_THAT(complaint(without(line)), HasSubstr(std::string("no fact \"") + line + "\""));
  }
  EXPECT_THAT(complaint(without("product_uuid")), HasSubstr("product_uuid_error"));
  for (const char* bad : {"x", "-1", "1.5x", "nan", "inf", "1e300", ""}) {
    EXPECT_THAT(complaint(without("uptime") + "uptime_seconds: " + bad + "\n"),
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

TEST(KernelLog, OneWithoutTheBootProvesNothing) {
  EXPECT_THAT(Complaint([&] { KernelLog::Parse("cut\n[ 5400.5] x\n[ 5401.0] y\n", "k.txt"); }),
              AllOf(HasSubstr("k.txt:2: the kernel's log begins at 5400 s after boot: older lines are lost"),
                    HasSubstr("log_buf_len"), HasSubstr("journalctl")));
  EXPECT_THAT(Complaint([&] { KernelLog::Parse("[ 61.0] host kernel: x\n", "k.txt"); }), HasSubstr("lost"));
  std::string longest = "[   99.0] x\n";
  while (longest.size() < (2u << 20)) longest += "[  100.0] the same again and again\n";
  EXPECT_THAT(Complaint([&] { KernelLog::Parse(longest, "k.txt"); }), HasSubstr("only its last 2 MiB are kept"));
  EXPECT_NO_THROW(KernelLog::Parse("[   59.9] x\n", "k.txt"));
  EXPECT_NO_THROW(KernelLog::Parse("no stamp at all\n", "k.txt"));
}

TEST(KernelLog, AnEmptyOneWasNotReadable) {
  for (const char* text : {"", "\n\n"}) {
    EXPECT_THAT(Complaint([&] { KernelLog::Parse(text, "k.txt"); }),
                HasSubstr("k.txt: the kernel's log is empty"));
  }
}

}  // namespace
}  // namespace passthrough
