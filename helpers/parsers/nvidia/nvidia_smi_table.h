// What the probe "nvidia_smi" printed: the table of nvidia-smi without arguments.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "helpers/base/pci_address.h"
#include "helpers/parsers/fact_file.h"
#include "helpers/parsers/nvidia/nvidia_smi_words.h"

namespace passthrough {

// A GPU's row. Names are cut to the column's width by nvidia-smi.
struct NvidiaSmiTableGpu {
  int index = 0;
  std::string name;
  PciAddress bus_id;
  // The column "Volatile Uncorr. ECC": a number of errors, "Off", "On" (where MIG is), "N/A"; empty where the table has
  // no such column.
  std::string ecc;
  int line = 0;
};

// A line with an error phrase. A table's process list is not searched: its words are the users'.
struct NvidiaSmiProblem {
  std::string phrase;  // as in nvidia_smi_words.h: "ERR!"
  std::string meaning;
  std::string text;  // the whole line
  // For a phrase in a cell of a GPU's row, which: "Fan", "Temp", "Perf", "Pwr:Usage/Cap", ….
  // Empty elsewhere, and where the table's head could not be made sense of.
  std::string column;
  int line = 0;
};

// Never throws: any text is a table with no GPU, and the problems say why.
struct NvidiaSmiTable : EvidenceFile {
  static constexpr char kProbe[] = "nvidia_smi";

  std::string smi_version;     // empty where the table has no head
  std::string driver_version;  // "535.54.03"
  std::string cuda_version;    // may be "N/A"
  std::vector<NvidiaSmiTableGpu> gpus;
  std::vector<NvidiaSmiProblem> problems;
  bool has_table = false;  // a head with the driver's version was found
  int driver_version_line = 0;
  int last_line = 0;

  static NvidiaSmiTable Parse(std::string_view text, const std::filesystem::path& path);
};

}  // namespace passthrough
