#include "helpers/health/nvidia/gpu_state_problems.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "helpers/base/files.h"
#include "helpers/health/nvidia/gpu_problems.h"
#include "tests/health/health_test_tools.h"
#include "tests/parsers/captures.h"

namespace passthrough {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

// "FAILURE: …" or "NOTE: …" of each.
std::vector<std::string> Said(const Findings& findings) {
  std::vector<std::string> said;
  for (const Finding& one : findings) said.push_back((one.note ? "NOTE: " : "FAILURE: ") + one.found);
  return said;
}

auto Failure(const std::string& text) { return AllOf(StartsWith("FAILURE: "), HasSubstr(text)); }
auto Note(const std::string& text) { return AllOf(StartsWith("NOTE: "), HasSubstr(text)); }

std::string Element(const std::string& path, const std::string& text) {
  const size_t slash = path.find('/');
  if (slash == std::string::npos) return "<" + path + ">" + text + "</" + path + ">";
  const std::string first = path.substr(0, slash);
  return "<" + first + ">" + Element(path.substr(slash + 1), text) + "</" + first + ">";
}

// "a/b=1" and so on, an element each.
NvidiaSmiXml Gpu(const std::vector<std::string>& lines) {
  std::string elements;
  for (const std::string& line : lines) {
    const size_t equals = line.find('=');
    elements += Element(line.substr(0, equals), line.substr(equals + 1)) + "\n";
  }
  return XmlWith(elements);
}

TEST(GpuStateProblems, TemperatureAgainstTheGpusOwnThresholds) {
  const auto at = [](const std::string& now) {
    return Said(TemperatureProblems(
        Gpu({"temperature/gpu_temp=" + now + " C", "temperature/gpu_temp_max_threshold=98 C",
             "temperature/gpu_temp_slow_threshold=95 C", "temperature/gpu_temp_max_gpu_threshold=93 C"})));
  };
  EXPECT_THAT(at("31"), IsEmpty());
  EXPECT_THAT(at("93"), IsEmpty()) << "under load its fans keep it there";
  EXPECT_THAT(at("94"), ElementsAre(Failure("hotter than its maximum operating temperature")));
  EXPECT_THAT(at("95"), ElementsAre(Failure("where its hardware slows it down (gpu_temp_slow_threshold: 95 C)")));
  EXPECT_THAT(at("99"), ElementsAre(Failure("where it shuts off")));
  EXPECT_THAT(Said(TemperatureProblems(Gpu({"temperature/gpu_temp=99 C", "temperature/gpu_temp_max_threshold=N/A"}))),
              IsEmpty());
  const auto distance = [](const std::string& left) {
    return Said(TemperatureProblems(
        Gpu({"temperature/gpu_temp_tlimit=" + left + " C", "temperature/gpu_temp_max_tlimit_threshold=-8 C",
             "temperature/gpu_temp_slow_tlimit_threshold=-2 C", "temperature/gpu_temp_max_gpu_tlimit_threshold=0 C"})));
  };
  EXPECT_THAT(distance("46"), IsEmpty());
  EXPECT_THAT(distance("0"), IsEmpty());
  EXPECT_THAT(distance("-1"), ElementsAre(Failure("maximum operating temperature")));
  EXPECT_THAT(distance("-3"), ElementsAre(Failure("where its hardware slows it down")));
  EXPECT_THAT(
      Said(TemperatureProblems(Gpu({"temperature/memory_temp=99 C", "temperature/gpu_temp_max_mem_threshold=95 C"}))),
      ElementsAre(Failure("its memory is hotter")));
}

TEST(GpuStateProblems, ReplaysOfTheLink) {
  const auto replays = [](const std::string& count, std::optional<double> uptime) {
    return Said(ReplayProblems(Gpu({"pci/replay_counter=" + count, "pci/replay_rollover_counter=0"}), uptime));
  };
  EXPECT_THAT(replays("9", 600), IsEmpty()) << "as a healthy H100 has";
  EXPECT_THAT(replays("81", 600), ElementsAre(Note("repeated 81 packets in 10 minutes")))
      << "some may be from before the kernel's start";
  EXPECT_THAT(replays("481", 600),
              ElementsAre(Failure("repeated 481 packets in 10 minutes, NVIDIA's limit is 8 a minute")));
  EXPECT_THAT(replays("4000", 86400 * 30), ElementsAre(Note("repeated 4000 packets")));
  EXPECT_THAT(replays("4000", {}), ElementsAre(Note("repeated 4000 packets")));
  EXPECT_THAT(replays("N/A", 600), IsEmpty());
  EXPECT_THAT(Said(ReplayProblems(Gpu({"pci/replay_rollover_counter=2"}), 600)), ElementsAre(Failure("trained anew")));
}

TEST(GpuStateProblems, PowerLimits) {
  const auto limits = [](const std::string& current, const std::string& group = "gpu_power_readings",
                         const std::string& name = "current_power_limit") {
    return Said(PowerLimitProblems(Gpu({group + "/" + name + "=" + current, group + "/default_power_limit=400.00 W",
                                        group + "/min_power_limit=100.00 W", group + "/max_power_limit=450.00 W"})));
  };
  EXPECT_THAT(limits("400.00 W"), IsEmpty());
  EXPECT_THAT(limits("450.00 W"), IsEmpty());
  EXPECT_THAT(limits("320.00 W"), IsEmpty());
  EXPECT_THAT(limits("100.00 W"), ElementsAre(Note("far below its default of 400.00 W")));
  EXPECT_THAT(limits("100.00 W", "power_readings", "enforced_power_limit"), ElementsAre(Note("far below")));
  EXPECT_THAT(limits("600.00 W"), ElementsAre(Note("outside of what it allows")));
  EXPECT_THAT(limits("N/A"), IsEmpty());
}

TEST(GpuStateProblems, WhatKeepsProgramsAway) {
  const auto problems = [](const std::vector<std::string>& lines) { return Said(UsabilityProblems(Gpu(lines))); };
  EXPECT_THAT(problems({"compute_mode=Default"}), IsEmpty());
  EXPECT_THAT(problems({"compute_mode=Prohibited"}), ElementsAre(Failure("forbids programs")));
  EXPECT_THAT(problems({"compute_mode=Exclusive_Process"}), ElementsAre(Note("one program at a time")));
  const std::string total = "fb_memory_usage/total=24564 MiB";
  EXPECT_THAT(problems({total, "fb_memory_usage/free=24000 MiB"}), IsEmpty());
  EXPECT_THAT(problems({total, "fb_memory_usage/free=800 MiB"}), ElementsAre(Failure("no program is listed on it")));
  EXPECT_THAT(problems({total, "fb_memory_usage/free=800 MiB", "processes/process_info/pid=77"}), IsEmpty());
  EXPECT_THAT(problems({total, "fb_memory_usage/free=800 MiB", "processes=N/A"}), ElementsAre(Note("no program")));
  EXPECT_THAT(problems({total, "fb_memory_usage/free=800 MiB", "addressing_mode=ATS"}),
              ElementsAre(Note("no program")));
  EXPECT_THAT(problems({"fb_memory_usage/total=0 MiB"}), ElementsAre(Failure("it has no memory")));
  EXPECT_THAT(problems({"fb_memory_usage/total=N/A"}), IsEmpty());
  EXPECT_THAT(problems({"fb_memory_usage/total=0 MiB", "mig_mode/current_mig=Enabled"}), IsEmpty());
  EXPECT_THAT(problems({"gsp_firmware_version=535.54.03"}), IsEmpty()) << "the driver's version is not told";
  NvidiaSmiXml xml = Gpu({"gsp_firmware_version=535.54.03"});
  xml.driver_version = "535.54.03";
  EXPECT_THAT(Said(UsabilityProblems(xml)), IsEmpty());
  xml.driver_version = "550.90.07";
  EXPECT_THAT(Said(UsabilityProblems(xml)), ElementsAre(Failure("of another release than the driver, 550.90.07")));
  xml = Gpu({"gsp_firmware_version=N/A"});
  xml.driver_version = "550.90.07";
  EXPECT_THAT(Said(UsabilityProblems(xml)), IsEmpty());
}

TEST(GpuStateProblems, FabricAndLicence) {
  const auto problems = [](const std::vector<std::string>& lines) { return Said(UsabilityProblems(Gpu(lines))); };
  EXPECT_THAT(problems({"fabric/state=Completed", "fabric/status=Success", "fabric/health/summary=Healthy",
                        "fabric/health/bandwidth=Full", "fabric/health/route_unhealthy=False"}),
              IsEmpty());
  EXPECT_THAT(problems({"fabric/state=N/A", "fabric/status=N/A"}), IsEmpty());
  EXPECT_THAT(problems({"fabric/state=In Progress", "fabric/status=N/A"}), ElementsAre(Failure("not ready")));
  EXPECT_THAT(problems({"fabric/state=Not Started"}), ElementsAre(Failure("not ready")));
  EXPECT_THAT(problems({"fabric/state=Completed", "fabric/status=Initialization failed"}),
              ElementsAre(Failure("registration")));
  EXPECT_THAT(problems({"fabric/health/bandwidth=Degraded"}), ElementsAre(Failure("not healthy")));
  EXPECT_THAT(problems({"fabric/health/route_recovery_in_progress=True"}), ElementsAre(Note("not healthy")));
  const std::string licence = "vgpu_software_licensed_product/license_status=";
  const std::string vgpu = "gpu_virtualization_mode/virtualization_mode=VGPU";
  EXPECT_THAT(problems({vgpu, licence + "Licensed (Expiry: 2026-7-7 16:1:44 GMT)"}), IsEmpty());
  EXPECT_THAT(problems({vgpu, licence + "Unlicensed (Restricted)"}), ElementsAre(Failure("no licence")));
  EXPECT_THAT(problems({"gpu_virtualization_mode/virtualization_mode=Pass-Through", licence + "Unlicensed"}),
              ElementsAre(Note("no licence")));
}

TEST(GpuStateProblems, ModesThatChangeAtTheNextReset) {
  const auto problems = [](const std::string& now, const std::string& pending) {
    return Said(PendingModeProblems(Gpu({"ecc_mode/current_ecc=" + now, "ecc_mode/pending_ecc=" + pending})));
  };
  EXPECT_THAT(problems("Enabled", "Enabled"), IsEmpty());
  EXPECT_THAT(problems("N/A", "N/A"), IsEmpty());
  EXPECT_THAT(problems("Enabled", "Disabled"), ElementsAre(Note("now it is \"Enabled\" (ecc_mode/pending_ecc")));
  EXPECT_THAT(Said(PendingModeProblems(Gpu({"mig_mode/current_mig=Disabled", "mig_mode/pending_mig=Enabled"}))),
              ElementsAre(Note("mig_mode/pending_mig")));
}

TEST(GpuStateProblems, MemoryNearItsLimits) {
  const auto problems = [](const std::vector<std::string>& lines) { return Said(MemoryReserveProblems(Gpu(lines))); };
  const std::string histogram = "remapped_rows/row_remapper_histogram/row_remapper_histogram_";
  EXPECT_THAT(problems({histogram + "max=96 bank(s)", histogram + "low=0 bank(s)", histogram + "none=0 bank(s)"}),
              IsEmpty());
  EXPECT_THAT(problems({histogram + "none=2 bank(s)"}), ElementsAre(Note("2 bank(s) of its memory have no spare row")));
  EXPECT_THAT(problems({histogram + "low=1 bank(s)"}), ElementsAre(Note("hardly any")));
  EXPECT_THAT(problems({"remapped_rows/remapped_row_unc=3"}), IsEmpty());
  EXPECT_THAT(problems({"remapped_rows/remapped_row_unc=300"}), ElementsAre(Note("300 rows")));
  EXPECT_THAT(problems({"remapped_rows/remapped_row_unc=512"}), ElementsAre(Failure("NVIDIA's limit is 512")));
  const auto pages = [&](const std::string& single, const std::string& twice) {
    return problems({"retired_pages/multiple_single_bit_retirement/retired_count=" + single,
                     "retired_pages/double_bit_retirement/retired_count=" + twice});
  };
  EXPECT_THAT(pages("0", "0"), IsEmpty());
  EXPECT_THAT(pages("N/A", "N/A"), IsEmpty());
  EXPECT_THAT(pages("8", "6"), IsEmpty());
  EXPECT_THAT(pages("30", "10"), ElementsAre(Note("40 pages of its memory are retired")));
  EXPECT_THAT(pages("60", "3"), ElementsAre(Failure("63 pages")));
  EXPECT_THAT(problems({"ecc_errors/volatile/dram_correctable=999"}), IsEmpty());
  EXPECT_THAT(problems({"ecc_errors/volatile/dram_correctable=4821337"}), ElementsAre(Note("4821337 memory errors")));
  EXPECT_THAT(problems({"ecc_errors/volatile/dram_correctable=50000001"}), ElementsAre(Failure("were corrected")));
}

TEST(GpuStateProblems, WhatNoRuleKnowsIsANote) {
  const auto problems = [](const std::vector<std::string>& lines) { return Said(OtherStateProblems(Gpu(lines))); };
  EXPECT_THAT(problems({"new_thing/self_test=Failed"}), ElementsAre(Note("new_thing/self_test is \"Failed\"")));
  EXPECT_THAT(problems({"inforom_version/checksum_validation=invalid"}), ElementsAre(Note("checksum_validation")));
  EXPECT_THAT(problems({"new_thing/maintenance_required=Yes"}), ElementsAre(Note("maintenance_required")));
  EXPECT_THAT(problems({"new_thing/maintenance_required=No", "display_active=Enabled", "display_attached=Yes"}),
              IsEmpty());
  EXPECT_THAT(problems({"processes/process_info/process_name=failed"}), IsEmpty());
  EXPECT_THAT(problems({"clocks_event_reasons_counters/clocks_event_reasons_counters_hw_therm_slowdown=5000000 us"}),
              ElementsAre(Note("slowed down for a while")));
  EXPECT_THAT(problems({"clocks_event_reasons_counters/clocks_event_reasons_counters_sw_power_cap=4251825415 us"}),
              IsEmpty());
  EXPECT_THAT(problems({"ecc_errors/aggregate/dram_uncorrectable=7"}), ElementsAre(Note("in its life")));
  EXPECT_THAT(problems({"nvlink/link0/state=Active", "nvlink/link1/state=Inactive"}), ElementsAre(Note("is down")));
  EXPECT_THAT(problems({"nvlink/link0/state=Inactive", "nvlink/link1/state=Inactive"}), IsEmpty());
  EXPECT_THAT(problems({"performance_state=P8", "utilization/gpu_util=99 %"}), ElementsAre(Note("for idling")));
  EXPECT_THAT(problems({"performance_state=P8", "utilization/gpu_util=3 %"}), IsEmpty());
}

TEST(GpuStateProblems, AnUnknownSchemaIsReadAndWhatIsMissingIsNamed) {
  const NvidiaSmiXml xml = NvidiaSmiXml::Parse(
      "<nvidia_smi_log>\n<gpu id=\"0000:01:00.0\">\n<uuid>GPU-1</uuid><compute_mode>Prohibited</compute_mode>"
      "<power_readings><power_limit>30.00 W</power_limit><default_power_limit>300.00 W</default_power_limit>"
      "</power_readings></gpu></nvidia_smi_log>\n",
      "x.txt");
  EXPECT_EQ(xml.attached_gpus, 1);
  EXPECT_FALSE(xml.SchemaIsKnown());
  EXPECT_THAT(Said(OtherStateProblems(xml)),
              ElementsAre(AllOf(Note("of no named schema"), HasSubstr("ecc_errors, retired_pages, temperature"),
                                Not(HasSubstr("uuid")), Not(HasSubstr("power_readings")))));
  EXPECT_THAT(Said(UsabilityProblems(xml)), ElementsAre(Failure("forbids programs")));
  EXPECT_THAT(Said(PowerLimitProblems(xml)), ElementsAre(Note("far below")));
}

TEST(GpuStateProblems, EccInTheTableAndInTheXml) {
  const auto problems = [](const std::string& ecc, const std::vector<std::string>& lines) {
    NvidiaSmiTable table;
    table.path = "t.txt";
    table.gpus.resize(1);
    table.gpus[0].bus_id = *PciAddress::Parse("0000:01:00.0");
    table.gpus[0].ecc = ecc;
    return Said(EccDisagreements(table, Gpu(lines)));
  };
  EXPECT_THAT(problems("0", {"ecc_mode/current_ecc=Enabled", "ecc_errors/volatile/dram_uncorrectable=0"}), IsEmpty());
  EXPECT_THAT(problems("0", {"ecc_mode/current_ecc=Enabled", "ecc_errors/volatile/dram_uncorrectable=3"}), IsEmpty());
  EXPECT_THAT(problems("3", {"ecc_mode/current_ecc=Enabled", "ecc_errors/volatile/dram_uncorrectable=3"}), IsEmpty());
  EXPECT_THAT(problems("3", {"ecc_mode/current_ecc=Enabled", "ecc_errors/volatile/dram_uncorrectable=0"}),
              ElementsAre(Failure("its XML has 0")));
  EXPECT_THAT(problems("Off", {"ecc_mode/current_ecc=Enabled"}), ElementsAre(Failure("its XML that it is Enabled")));
  EXPECT_THAT(problems("0", {"ecc_mode/current_ecc=Disabled"}), ElementsAre(Failure("its XML that it is Disabled")));
  EXPECT_THAT(problems("On", {"ecc_mode/current_ecc=Enabled", "mig_mode/current_mig=Enabled"}), IsEmpty());
  EXPECT_THAT(problems("N/A", {"ecc_mode/current_ecc=N/A"}), IsEmpty());
  EXPECT_THAT(problems("", {"ecc_mode/current_ecc=Enabled"}), IsEmpty());
}

TEST(GpuProblems, SerialNumbersAndEqualCards) {
  const auto xml = [](const std::string& serial, const std::string& memory, const std::string& vbios,
                      const std::string& driver, const std::string& board = "No") {
    NvidiaSmiXml one = Gpu({"product_name=NVIDIA A100", "serial=" + serial, "fb_memory_usage/total=" + memory,
                            "vbios_version=" + vbios, "multigpu_board=" + board});
    one.driver_version = driver;
    return one;
  };
  const auto problems = [](const NvidiaSmiXml& a, const NvidiaSmiXml& b) {
    const std::vector<GpuOfEvidence> gpus{{"n1", &a, &a.gpus[0]}, {"n2", &b, &b.gpus[0]}};
    std::vector<std::string> said = Said(SerialNumberProblems(gpus));
    for (const std::string& one : Said(UnlikeGpus(gpus))) said.push_back(one);
    return said;
  };
  const NvidiaSmiXml one = xml("1650522003820", "81920 MiB", "92.00.36.00.02", "535.54.03");
  EXPECT_THAT(problems(one, xml("1650522003821", "81920 MiB", "92.00.36.00.02", "535.54.03")), IsEmpty());
  EXPECT_THAT(problems(one, xml("1650522003820", "81920 MiB", "92.00.36.00.02", "535.54.03")),
              ElementsAre(Failure("the same serial number 1650522003820")));
  EXPECT_THAT(problems(one, xml("1", "40960 MiB", "92.00.36.00.02", "535.54.03")),
              ElementsAre(Failure("different memory: 81920 MiB and 40960 MiB")));
  EXPECT_THAT(problems(one, xml("1", "76800 MiB", "92.00.36.00.02", "535.54.03")), IsEmpty()) << "ECC on the one alone";
  EXPECT_THAT(problems(one, xml("1", "81920 MiB", "92.00.36.00.99", "550.1")),
              ElementsAre(Note("different drivers: 535.54.03 and 550.1"), Note("different VBIOS versions")));
  const NvidiaSmiXml half = xml("1650522003820", "81920 MiB", "92.00.36.00.02", "535.54.03", "Yes");
  EXPECT_THAT(problems(half, half), IsEmpty()) << "two GPUs of one board";
  const NvidiaSmiXml redacted = xml("0000000000000", "81920 MiB", "92.00.36.00.02", "535.54.03");
  EXPECT_THAT(problems(redacted, redacted), IsEmpty());
}

// Healthy machines raise no alarm, and hardly a note.
TEST(GpuStateProblems, OfRealGpus) {
  const auto files = CaptureFiles("nvidia-smi-xml");
  if (files.empty()) GTEST_SKIP() << NoCaptures();
  for (const auto& file : files) {
    SCOPED_TRACE(file.filename());
    const NvidiaSmiXml xml = NvidiaSmiXml::Parse(ReadFile(file), "x.txt");
    EXPECT_THAT(Said(TemperatureProblems(xml)), IsEmpty());
    EXPECT_THAT(Said(ReplayProblems(xml, 60)), IsEmpty());
    EXPECT_THAT(Said(PowerLimitProblems(xml)), IsEmpty());
    EXPECT_THAT(Said(UsabilityProblems(xml)), IsEmpty());
    EXPECT_THAT(Said(PendingModeProblems(xml)), IsEmpty());
    EXPECT_THAT(Said(MemoryReserveProblems(xml)), IsEmpty());
    EXPECT_THAT(Said(OtherStateProblems(xml)), IsEmpty());
    std::vector<GpuOfEvidence> gpus;
    for (const NvidiaSmiGpu& gpu : xml.gpus) gpus.push_back({"n", &xml, &gpu});
    EXPECT_THAT(Said(SerialNumberProblems(gpus)), IsEmpty());
    EXPECT_THAT(Said(UnlikeGpus(gpus)), IsEmpty());
  }
}

}  // namespace
}  // namespace passthrough
