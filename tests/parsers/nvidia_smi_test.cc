#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "helpers/parsers/nvidia/nvidia_smi_table.h"
#include "helpers/parsers/nvidia/nvidia_smi_words.h"
#include "helpers/parsers/nvidia/nvidia_smi_xml.h"

namespace passthrough {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;

std::string Phrase(std::string_view text) {
  const NvidiaSmiErrorPhrase* error = FindNvidiaSmiError(text);
  return error != nullptr ? std::string(error->phrase) : "none";
}

TEST(NvidiaSmiWords, ExitStatuses) {
  EXPECT_EQ(NvidiaSmiExitStatusText(0), "0: success");
  EXPECT_THAT(NvidiaSmiExitStatusText(9), HasSubstr("driver is not loaded"));
  EXPECT_THAT(NvidiaSmiExitStatusText(14), HasSubstr("infoROM is corrupted"));
  EXPECT_THAT(NvidiaSmiExitStatusText(15), HasSubstr("fallen off the bus"));
  EXPECT_THAT(NvidiaSmiExitStatusText(255), HasSubstr("inside the driver"));
  EXPECT_THAT(NvidiaSmiExitStatusText(127), HasSubstr("not installed"));
  EXPECT_THAT(NvidiaSmiExitStatusText(139), HasSubstr("signal 11 (Segmentation fault)"));
  for (int status : {-1, 1, 5, 7, 11, 16, 128, 200, 254, 1000}) {
    EXPECT_THAT(NvidiaSmiExitStatusText(status), HasSubstr("not among the statuses")) << status;
  }
}

TEST(NvidiaSmiWords, ErrorPhrases) {
  EXPECT_EQ(Phrase("Unable to determine the device handle for GPU0000:07:00.0: Unknown Error"),
            "Unable to determine the device handle");
  EXPECT_EQ(Phrase("No devices were found"), "No devices were found");
  EXPECT_EQ(Phrase("NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver."),
            "couldn't communicate with the NVIDIA driver");
  EXPECT_EQ(Phrase("Failed to initialize NVML: Driver/library version mismatch"), "Driver/library version mismatch");
  EXPECT_EQ(Phrase("[GPU is lost]"), "GPU is lost");
  EXPECT_EQ(Phrase("GPU IS LOST"), "GPU is lost");
  EXPECT_EQ(Phrase("[Unknown Error]"), "Unknown Error");
  EXPECT_EQ(Phrase("ERR!"), "ERR!");
  EXPECT_EQ(Phrase("WARNING: infoROM is corrupted at gpu 0000:01:00.0"), "infoROM is corrupted");
  for (const char* fine : {"N/A", "[N/A]", "[Not Supported]", "Not Active", "", "0",
                           "Requested functionality has been deprecated", "Volatile Uncorr. ECC"}) {
    EXPECT_EQ(Phrase(fine), "none") << fine;
  }
}

// Two GPUs as nvidia-smi 535 prints them; the values of the second are $1 and so on.
std::string Table(const std::string& fan = "30%", const std::string& power = "20W / 450W",
                  const std::string& process = "/usr/bin/x") {
  auto right = [](const std::string& text, size_t width) { return std::string(width - text.size(), ' ') + text; };
  return "Tue Jun  6 12:00:00 2023       \n"
         "+---------------------------------------------------------------------------------------+"
         "\n"
         "| NVIDIA-SMI 535.54.03              Driver Version: 535.54.03    CUDA Version: 12.2     "
         "|\n"
         "|-----------------------------------------+----------------------+----------------------+"
         "\n"
         "| GPU  Name                 Persistence-M | Bus-Id        Disp.A | Volatile Uncorr. ECC "
         "|\n"
         "| Fan  Temp   Perf          Pwr:Usage/Cap |         Memory-Usage | GPU-Util  Compute M. "
         "|\n"
         "|                                         |                      |               MIG M. "
         "|\n"
         "|=========================================+======================+======================|"
         "\n"
         "|   0  NVIDIA GeForce RTX 4090        On  | 00000000:01:00.0 Off |                  Off "
         "|\n"
         "|  0%   41C    P8              20W / 450W |      1MiB / 24564MiB |      0%      Default "
         "|\n"
         "|                                         |                      |                  N/A "
         "|\n"
         "+-----------------------------------------+----------------------+----------------------+"
         "\n"
         "|   1  NVIDIA GeForce RTX 4090        On  | 00000000:65:00.2 Off |                  Off "
         "|\n"
         "|" +
         right(fan, 4) + "   41C    P8  " + right(power, 22) +
         " |      1MiB / 24564MiB |      0%      Default |\n"
         "|                                         |                      |                  N/A "
         "|\n"
         "+-----------------------------------------+----------------------+----------------------+"
         "\n"
         "                                                                                         "
         "\n"
         "+---------------------------------------------------------------------------------------+"
         "\n"
         "| Processes:                                                                            "
         "|\n"
         "|  GPU   GI   CI        PID   Type   Process name                            GPU Memory "
         "|\n"
         "|        ID   ID                                                             Usage      "
         "|\n"
         "|=======================================================================================|"
         "\n"
         "|    0   N/A  N/A      1234      C   " +
         process +
         "                   25MiB |\n"
         "+---------------------------------------------------------------------------------------+"
         "\n";
}

TEST(NvidiaSmiTable, HealthyGpus) {
  NvidiaSmiTable table = NvidiaSmiTable::Parse(Table(), "evidence/n/nvidia_smi.txt");
  EXPECT_TRUE(table.has_table);
  EXPECT_EQ(table.smi_version, "535.54.03");
  EXPECT_EQ(table.driver_version, "535.54.03");
  EXPECT_EQ(table.cuda_version, "12.2");
  EXPECT_EQ(table.driver_version_line, 3);
  ASSERT_EQ(table.gpus.size(), 2u);
  EXPECT_EQ(table.gpus[0].index, 0);
  EXPECT_EQ(table.gpus[0].name, "NVIDIA GeForce RTX 4090");
  EXPECT_EQ(table.gpus[0].bus_id.ToString(), "0000:01:00.0");
  EXPECT_EQ(table.gpus[1].bus_id.ToString(), "0000:65:00.2");
  EXPECT_EQ(table.gpus[1].line, 13);
  EXPECT_EQ(table.gpus[1].ecc, "Off");
  EXPECT_EQ(table.At(13), "evidence/n/nvidia_smi.txt:13");
  EXPECT_THAT(table.problems, IsEmpty());
}

TEST(NvidiaSmiTable, NamesTheColumnOfAnError) {
  NvidiaSmiTable table = NvidiaSmiTable::Parse(Table("ERR!"), "t");
  ASSERT_EQ(table.problems.size(), 1u);
  EXPECT_EQ(table.problems[0].phrase, "ERR!");
  EXPECT_EQ(table.problems[0].column, "Fan");
  EXPECT_EQ(table.problems[0].line, 14);
  EXPECT_EQ(table.gpus.size(), 2u);
  table = NvidiaSmiTable::Parse(Table("30%", "ERR! / 450W"), "t");
  ASSERT_EQ(table.problems.size(), 1u);
  EXPECT_EQ(table.problems[0].column, "Pwr:Usage/Cap");
}

TEST(NvidiaSmiTable, ProcessesAreNamedByUsers) {
  NvidiaSmiTable table = NvidiaSmiTable::Parse(Table("30%", "20W / 450W", "Unknown Error"), "t");
  EXPECT_THAT(table.problems, IsEmpty());
}

TEST(NvidiaSmiTable, ReadsWhatFollowsTheTable) {
  NvidiaSmiTable table = NvidiaSmiTable::Parse(Table() + "WARNING: infoROM is corrupted at gpu 0000:65:00.2\n", "t");
  ASSERT_EQ(table.problems.size(), 1u);
  EXPECT_EQ(table.problems[0].phrase, "infoROM is corrupted");
  EXPECT_EQ(table.problems[0].line, 25);
}

TEST(NvidiaSmiTable, NoTableAtAll) {
  NvidiaSmiTable table = NvidiaSmiTable::Parse(
      "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver. Make sure "
      "that the latest NVIDIA driver is installed and running.\n\n",
      "t");
  EXPECT_FALSE(table.has_table);
  EXPECT_THAT(table.gpus, IsEmpty());
  ASSERT_EQ(table.problems.size(), 1u);
  EXPECT_EQ(table.problems[0].column, "");
  EXPECT_EQ(table.problems[0].line, 1);
  table = NvidiaSmiTable::Parse("No devices were found\n", "t");
  EXPECT_EQ(table.problems.size(), 1u);
  table = NvidiaSmiTable::Parse("", "t");
  EXPECT_THAT(table.problems, IsEmpty());
  EXPECT_FALSE(table.has_table);
}

std::string Xml(const std::string& fields = "", const std::string& gpus = "1") {
  return "<?xml version=\"1.0\" ?>\n"
         "<!DOCTYPE nvidia_smi_log SYSTEM \"nvsmi_device_v12.dtd\">\n"
         "<nvidia_smi_log>\n"
         "\t<driver_version>535.54.03</driver_version>\n"
         "\t<cuda_version>12.2</cuda_version>\n"
         "\t<attached_gpus>" +
         gpus +
         "</attached_gpus>\n"
         "\t<gpu id=\"00000000:65:00.2\">\n"
         "\t\t<product_name>NVIDIA GeForce RTX 4090</product_name>\n"
         "\t\t<uuid>GPU-37037c3f-65c8-ec4d-24a9-420204ad8026</uuid>\n"
         "\t\t<minor_number>3</minor_number>\n" +
         fields +
         "\t\t<processes>\n\t\t\t<process_info>\n"
         "\t\t\t\t<process_name>my GPU is lost</process_name>\n"
         "\t\t\t</process_info>\n\t\t</processes>\n"
         "\t</gpu>\n"
         "</nvidia_smi_log>\n";
}

TEST(NvidiaSmiXml, HealthyGpu) {
  NvidiaSmiXml xml = NvidiaSmiXml::Parse(Xml(), "x");
  EXPECT_EQ(xml.schema_version, 12);
  EXPECT_EQ(xml.driver_version, "535.54.03");
  EXPECT_EQ(xml.cuda_version, "12.2");
  EXPECT_EQ(xml.attached_gpus, 1);
  EXPECT_EQ(xml.attached_gpus_line, 6);
  ASSERT_EQ(xml.gpus.size(), 1u);
  EXPECT_EQ(xml.gpus[0].bus_id.ToString(), "0000:65:00.2");
  EXPECT_EQ(xml.gpus[0].minor_number, 3);
  EXPECT_EQ(xml.gpus[0].line, 7);
  EXPECT_THAT(xml.Problems(), IsEmpty());
}

TEST(NvidiaSmiXml, FindsErrorsInAnyField) {
  NvidiaSmiXml xml = NvidiaSmiXml::Parse(Xml("\t\t<pci><deep><fan_speed> ERR!\n </fan_speed></deep></pci>\n"
                                             "\t\t<serial>[Unknown Error]</serial>\n"),
                                         "x");
  std::vector<NvidiaSmiFieldProblem> problems = xml.Problems();
  ASSERT_EQ(problems.size(), 2u);
  EXPECT_EQ(problems[0].field->path, "pci/deep/fan_speed");
  EXPECT_EQ(problems[0].field->text, "ERR!");
  EXPECT_EQ(problems[0].field->line, 11);
  EXPECT_EQ(problems[0].gpu, &xml.gpus[0]);
  EXPECT_EQ(problems[1].field->path, "serial");
  EXPECT_EQ(problems[1].error->phrase, "Unknown Error");
  EXPECT_EQ(xml.gpus[0].FindByName("fan_speed").size(), 1u);
}

// A healthy A100 with MIG on does not show its memory to a user who is not root.
TEST(NvidiaSmiXml, WhatMigKeepsForRootIsNoError) {
  const auto problems = [](const std::string& mig, const std::string& total) {
    const std::string fields = "\t\t<mig_mode>\n\t\t\t<current_mig>" + mig + "</current_mig>\n\t\t</mig_mode>\n" +
                               "\t\t<fb_memory_usage>\n\t\t\t<total>" + total + "</total>\n\t\t</fb_memory_usage>\n";
    return NvidiaSmiXml::Parse(Xml(fields), "x").Problems().size();
  };
  EXPECT_EQ(problems("Enabled", "Insufficient Permissions"), 0u);
  EXPECT_EQ(problems("Enabled", "[Insufficient Permissions]"), 0u);
  EXPECT_EQ(problems("Enabled", "Unknown Error"), 1u);
  EXPECT_EQ(problems("Disabled", "Insufficient Permissions"), 1u);
  EXPECT_EQ(problems("N/A", "Insufficient Permissions"), 1u);
  EXPECT_EQ(NvidiaSmiXml::Parse(Xml("\t\t<serial>Insufficient Permissions</serial>\n"), "x").Problems().size(), 1u);
  EXPECT_EQ(NvidiaSmiXml::Parse(Xml() + "Insufficient Permissions\n", "x").Problems().size(), 1u);
}

TEST(NvidiaSmiXml, FindsErrorsOutsideOfTheXml) {
  NvidiaSmiXml xml = NvidiaSmiXml::Parse(Xml() + "\nWARNING: infoROM is corrupted at gpu 0000:65:00.2\n", "x");
  std::vector<NvidiaSmiFieldProblem> problems = xml.Problems();
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_EQ(problems[0].field->line, 19);
  EXPECT_EQ(problems[0].gpu, nullptr);
}

TEST(NvidiaSmiXml, CountsAreKeptAsTheyAre) {
  EXPECT_EQ(NvidiaSmiXml::Parse(Xml("", "4"), "x").attached_gpus, 4);
  NvidiaSmiXml none = NvidiaSmiXml::Parse(
      "<!DOCTYPE nvidia_smi_log SYSTEM \"nvsmi_device_v13.dtd\">\n"
      "<nvidia_smi_log><attached_gpus>0</attached_gpus></nvidia_smi_log>",
      "x");
  EXPECT_EQ(none.attached_gpus, 0);
  EXPECT_THAT(none.gpus, IsEmpty());
}

// What Parse says of `text`.
std::string XmlFinding(const std::string& text) {
  try {
    NvidiaSmiXml::Parse(text, "evidence/n/nvidia_smi_xml.txt");
  } catch (const EvidenceError& error) {
    return error.what();
  }
  return "no finding";
}

std::string Replaced(std::string text, const std::string& from, const std::string& to) {
  return text.replace(text.find(from), from.size(), to);
}

TEST(NvidiaSmiXml, SaysWhatIsWrong) {
  EXPECT_THAT(XmlFinding(""), AllOf(HasSubstr("evidence/n/nvidia_smi_xml.txt: "), HasSubstr("nothing was printed")));
  EXPECT_THAT(XmlFinding("NVIDIA-SMI has failed because it couldn't communicate\n\n"),
              HasSubstr("the text begins \"NVIDIA-SMI has failed because it couldn't"));
  EXPECT_THAT(XmlFinding(Xml().substr(0, 300)), HasSubstr("no XML of nvidia-smi's"));
  EXPECT_THAT(XmlFinding("<html></html>"), HasSubstr("no XML of nvidia-smi's"));
  EXPECT_THAT(XmlFinding(Replaced(Xml(), "00000000:65:00.2", "\x1b[2Jx")),
              HasSubstr("xml.txt:7: a gpu's id \"\\x1b[2Jx\" is no PCI address"));
  EXPECT_THAT(XmlFinding(Xml("", "many")), HasSubstr("xml.txt:6: attached_gpus: \"many\""));
}

// Drivers before schema 11 have most of it; some name no schema, and some no attached_gpus.
TEST(NvidiaSmiXml, OtherSchemasAreRead) {
  for (const auto& [name, version] : {std::pair("nvsmi_device_v9.dtd", 9), std::pair("nvsmi_device_v14.dtd", 14),
                                      std::pair("other.dtd", 0), std::pair("nvsmi_device_v12.dtd", 12)}) {
    const NvidiaSmiXml xml = NvidiaSmiXml::Parse(Replaced(Xml(), "nvsmi_device_v12.dtd", name), "x");
    EXPECT_EQ(xml.schema_version, version);
    EXPECT_EQ(xml.SchemaIsKnown(), version == 12);
    EXPECT_EQ(xml.gpus.size(), 1u);
  }
  const NvidiaSmiXml silent = NvidiaSmiXml::Parse(Replaced(Xml(), "<attached_gpus>1</attached_gpus>", ""), "x");
  EXPECT_EQ(silent.attached_gpus, 1);
  EXPECT_EQ(silent.attached_gpus_line, 7);
}

TEST(NvidiaSmiXml, ErrorsThatCountWhereTheyStandAlone) {
  const auto problems = [](const std::string& text) {
    return NvidiaSmiXml::Parse(Xml("\t\t<serial>" + text + "</serial>\n"), "x").Problems().size();
  };
  for (const char* error : {"Timeout", "[Timeout]", "Insufficient External Power", "Error", "[Error]", "ERR",
                            "Unable to determine the state", "GPU Reset Required"}) {
    EXPECT_EQ(problems(error), 1u) << error;
  }
  for (const char* fine : {"Not Supported", "[N/A]", "no Timeout here", "Function Not Found", "0", "None"}) {
    EXPECT_EQ(problems(fine), 0u) << fine;
  }
}

}  // namespace
}  // namespace passthrough
