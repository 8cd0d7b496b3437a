#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "helpers/parsers/pci_class.h"
#include "helpers/parsers/pci_evidence.h"

namespace passthrough {
namespace {

using testing::HasSubstr;

// 64 bytes of config space that begin with `head`.
std::string Config(const std::string& head) {
  std::string config = head;
  while (config.size() < 64 * 3 - 1) config += " 00";
  return config + "\n";
}

std::string Function(const std::string& address, const std::string& more = "") {
  return "function: " + address +
         "\nvendor: 0x10de\ndevice: 0x2684\nsubsystem_vendor: 0x10de\nsubsystem_device: 0x167c\n"
         "class: 0x030000\nrevision: 0xa1\n" +
         more;
}

PciEvidence Parse(const std::string& text) { return PciEvidence::Parse(text + "end: pci\n", "evidence/n/pci.txt"); }

std::string Located(const std::string& text) {
  try {
    Parse(text);
  } catch (const EvidenceError& error) {
    return error.what();
  }
  return "no finding";
}

TEST(PciEvidence, SortsByAddressAndKeepsLines) {
  PciEvidence pci = Parse(Function("0000:65:00.2") + Function("0000:01:00.0"));
  ASSERT_EQ(pci.functions.size(), 2u);
  EXPECT_EQ(pci.functions[0].address.ToString(), "0000:01:00.0");
  EXPECT_EQ(pci.functions[0].line, 8);
  EXPECT_EQ(pci.At(pci.functions[0].line), "evidence/n/pci.txt:8");
  EXPECT_EQ(pci.functions[1].line, 1);
  EXPECT_EQ(pci.last_line, 15);
  EXPECT_EQ(pci.WithId(0x10de, 0x2684).size(), 2u);
  EXPECT_EQ(pci.OfVendor(0x10de, 3).size(), 2u);
  EXPECT_EQ(pci.OfVendor(0x10de, 4).size(), 0u);
  EXPECT_NE(pci.Find({0, 0x65, 0, 2}), nullptr);
  EXPECT_EQ(pci.Find({0, 0x65, 0, 3}), nullptr);
}

TEST(PciEvidence, NoFunctionIsNoError) { EXPECT_TRUE(Parse("").functions.empty()); }

TEST(PciEvidence, ConfigSpace) {
  PciEvidence pci =
      Parse(Function("0000:01:00.0", "config: " + Config("de 10 84 26 02 00 10 00 a1 00 00 03 00 00 80 00 "
                                                         "0c 00 00 fd")) +
            Function("0000:02:00.0", "config: " + Config("de 10 84 26 00 00 10 00 a1 00 00 03 00 00 ff")) +
            Function("0000:03:00.0", "config_error: head: error reading: Input/output error\n"));
  const PciFunction& alive = pci.functions[0];
  EXPECT_EQ(alive.ConfigVendor(), 0x10de);
  EXPECT_EQ(alive.ConfigDevice(), 0x2684);
  EXPECT_EQ(alive.ConfigBar(0), 0xfd00000cu);
  EXPECT_EQ(alive.ConfigBar(5), 0u);
  EXPECT_EQ(alive.ConfigBar(6), std::nullopt);
  EXPECT_TRUE(alive.MemorySpaceEnabled());
  EXPECT_FALSE(alive.ConfigIsDead());
  // Header type 127 with the bit for several functions.
  EXPECT_TRUE(pci.functions[1].ConfigIsDead());
  EXPECT_FALSE(pci.functions[1].MemorySpaceEnabled());
  EXPECT_EQ(pci.functions[2].ConfigVendor(), std::nullopt);
  EXPECT_FALSE(pci.functions[2].ConfigIsDead());
  EXPECT_TRUE(pci.functions[2].detailed);
}

TEST(PciEvidence, WhatConfigSpaceSaysOfItself) {
  const std::string bars =
      "resource: 0 0xfd000000 0xfdffffff 0x40200\nresource: 1 0x4000000000 0x4fffffffff 0x14220c\n";
  const PciEvidence pci =
      Parse(Function("0000:01:00.0", bars + "config: " +
                                         Config("de 10 84 26 07 04 10 00 a1 00 02 03 00 00 80 00 "
                                                "00 00 00 fd 0c 00 00 00 40 00 00 00 00 00 00 00 "
                                                "00 00 00 00 00 00 00 00 00 00 00 00 de 10 7c 16")));
  const PciFunction& gpu = pci.functions[0];
  EXPECT_EQ(gpu.ConfigRevision(), 0xa1);
  EXPECT_EQ(gpu.ConfigClass(), 0x030200u);
  EXPECT_EQ(gpu.ConfigSubsystem(), 0x167c10deu);
  EXPECT_EQ(gpu.ConfigHeaderType(), 0);
  EXPECT_EQ(gpu.ConfigCommand(), 0x0407);
  EXPECT_EQ(gpu.ConfigWord(0x3c), 0u);
  EXPECT_EQ(gpu.ConfigWord(0x40), std::nullopt);
  EXPECT_EQ(gpu.ConfigBarAddress(0), 0xfd000000u);
  EXPECT_EQ(gpu.ConfigBarAddress(1), 0x4000000000u) << "of 64 bits";
  EXPECT_EQ(gpu.ConfigBarAddress(5), std::nullopt) << "it has none";
  EXPECT_TRUE(gpu.BusMasterEnabled());
}

TEST(PciEvidence, WhatTheKernelHasForIt) {
  const auto awake = [](const std::string& facts) {
    return Parse(Function("0000:01:00.0", facts + "config_error: none\n")).functions[0].IsAwake();
  };
  EXPECT_TRUE(awake(""));
  EXPECT_TRUE(awake("power_state: D0\nruntime_status: active\n"));
  EXPECT_TRUE(awake("power_state: unknown\nruntime_status: unsupported\n"));
  EXPECT_FALSE(awake("power_state: D3hot\n"));
  EXPECT_TRUE(awake("power_state: D3hot\nruntime_status: active\n")) << "it should be";
  EXPECT_FALSE(awake("power_state: D0\nruntime_status: suspended\n"));
  const PciEvidence pci = Parse("pci_drivers: nvidia snd_hda_intel\n" + Function("0000:01:00.0"));
  EXPECT_TRUE(pci.HasDriver("snd_hda_intel"));
  EXPECT_FALSE(pci.HasDriver("snd_hda"));
}

// A word where a number is expected says that there is no link.
TEST(PciEvidence, AWidthThatIsNoNumberIsNone) {
  const PciEvidence pci =
      Parse(Function("0000:01:00.0", "current_link_width: Unknown\nmax_link_width: 63\nconfig_error: none\n"));
  EXPECT_EQ(pci.functions[0].current_link_width, std::nullopt);
  EXPECT_EQ(pci.functions[0].max_link_width, 63);
}

TEST(PciEvidence, SaysWhatIsWrong) {
  const std::string at = "0000:01:00.0";
  EXPECT_THAT(Located(Function("01:00.0")), HasSubstr("pci.txt:1: \"01:00.0\" is no PCI address"));
  EXPECT_THAT(Located(Function(at) + Function(at)), HasSubstr("pci.txt:8: 0000:01:00.0 is listed twice"));
  EXPECT_THAT(Located("function: 0000:01:00.0\nvendor: 0x10de\n"),
              HasSubstr("pci.txt:1: function 0000:01:00.0 has no fact \"device\""));
  EXPECT_THAT(Located("function: 0000:01:00.0\nvendor: 0x1ffff\n"),
              HasSubstr("pci.txt:2: vendor: expected a hexadecimal number up to 0xffff"));
  EXPECT_THAT(Located(Function(at, "config: de 10\n")), HasSubstr("pci.txt:8: config: expected"));
  EXPECT_THAT(Located(Function(at, "config: " + Config("xx"))), HasSubstr("is no byte"));
  EXPECT_THAT(Located(Function(at, "config: " + Config("de") + "resource: 7 0x0 0x0 0x0\n")),
              HasSubstr("pci.txt:9: expected \"resource: number start end flags\""));
  EXPECT_THAT(Located(Function(at, "config: " + Config("de") + "resource: 0 0x2 0x1 0x200\n")),
              HasSubstr("pci.txt:9: "));
  EXPECT_THAT(Located(Function(at, "config: " + Config("de") + "irq: none\n")),
              HasSubstr("pci.txt:9: irq: expected a whole number"));
}

TEST(PciResource, TellsWhatIsThereFromWhatIsAssigned) {
  PciResource none;
  EXPECT_FALSE(none.Exists());
  EXPECT_EQ(none.Size(), 0u);
  PciResource unset{2, 0, 0xfffffff, 0x2014220c, 1};
  EXPECT_TRUE(unset.Exists());
  EXPECT_TRUE(unset.IsMemory());
  EXPECT_FALSE(unset.Assigned());
  PciResource set{0, 0xfd000000, 0xfdffffff, 0x40200, 1};
  EXPECT_TRUE(set.Assigned());
  EXPECT_EQ(set.Size(), 1u << 24);
  PciResource io{5, 0xc000, 0xc07f, 0x40101, 1};
  EXPECT_TRUE(io.IsIo());
  EXPECT_FALSE(io.IsMemory());
}

TEST(PciClass, NamesAndFits) {
  EXPECT_EQ(PciBaseClassName(0x03), "display controller");
  EXPECT_EQ(PciBaseClassName(0xff), "device of no defined class");
  EXPECT_THAT(PciBaseClassName(0x42), HasSubstr("0x42"));
  EXPECT_EQ(PciClassText(0x030000), "VGA-compatible display controller [0300]");
  EXPECT_EQ(PciClassText(0x030200), "3D controller [0302]");
  EXPECT_EQ(PciClassText(0x0c0500), "serial bus controller [0c05]");
  // What `lspci | grep -i vga` misses, and what it wrongly takes.
  EXPECT_TRUE(PciClassFits(0x030200, DeviceType::kGpu));
  EXPECT_TRUE(PciClassFits(0x038000, DeviceType::kGpu));
  EXPECT_FALSE(PciClassFits(0x040300, DeviceType::kGpu));
  EXPECT_TRUE(PciClassFits(0x040300, DeviceType::kAudio));
  EXPECT_TRUE(PciClassFits(0x020000, DeviceType::kNetwork));
  EXPECT_FALSE(PciClassFits(0x020000, DeviceType::kStorage));
  EXPECT_TRUE(PciClassFits(0x010802, DeviceType::kStorage));
  EXPECT_TRUE(PciClassFits(0x010802, DeviceType::kOther));
  EXPECT_TRUE(PciClassFits(0x120000, DeviceType::kGpu)) << "AMD MI300X";
  EXPECT_FALSE(PciClassFits(0x110000, DeviceType::kGpu));
  EXPECT_EQ(AllowedPciClassText(DeviceType::kGpu),
            "a display controller (class 03) or a processing accelerator (class 12)");
  EXPECT_EQ(AllowedPciClassText(DeviceType::kOther), "any class");
}

}  // namespace
}  // namespace passthrough
