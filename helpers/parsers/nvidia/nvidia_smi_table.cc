#include "helpers/parsers/nvidia/nvidia_smi_table.h"

#include <charconv>
#include <cstdlib>

#include "helpers/base/text.h"

namespace passthrough {
namespace {

// A stretch of a line.
struct Span {
  size_t begin = 0;
  size_t end = 0;
  size_t Middle() const { return (begin + end) / 2; }
};

// What stands between the bars of "| a | b |".
std::vector<Span> Cells(std::string_view line) {
  std::vector<Span> cells;
  size_t begin = line.find('|');
  while (begin != std::string_view::npos) {
    size_t end = line.find('|', begin + 1);
    if (end == std::string_view::npos) break;
    cells.push_back({begin + 1, end});
    begin = end;
  }
  return cells;
}

// The titles of a cell of the table's head, which are two spaces or more apart.
std::vector<Span> Titles(std::string_view line, Span cell) {
  std::vector<Span> titles;
  size_t at = cell.begin;
  while (true) {
    while (at < cell.end && line[at] == ' ') ++at;
    if (at >= cell.end) return titles;
    size_t end = line.find("  ", at);
    if (end == std::string_view::npos || end > cell.end) end = cell.end;
    while (line[end - 1] == ' ') --end;
    titles.push_back({at, end});
    at = end;
  }
}

// The title in `head` that stands nearest above the middle of `where`, which is in another line.
std::string NearestTitle(std::string_view head, Span where) {
  std::string nearest;
  size_t least = std::string_view::npos;
  for (Span cell : Cells(head)) {
    if (where.begin < cell.begin || where.begin >= cell.end) continue;
    for (Span title : Titles(head, cell)) {
      size_t a = title.Middle(), b = where.Middle();
      size_t distance = a > b ? a - b : b - a;
      if (distance < least) {
        least = distance;
        nearest = head.substr(title.begin, title.end - title.begin);
      }
    }
  }
  return nearest;
}

// The word after `label` in `line`, or empty.
std::string WordAfter(std::string_view line, std::string_view label) {
  size_t at = line.find(label);
  if (at == std::string_view::npos) return "";
  std::vector<std::string_view> words = SplitWords(line.substr(at + label.size()));
  return words.empty() || words[0] == "|" ? "" : std::string(words[0]);
}

// "|   0  NVIDIA GeForce RTX 4080 ...    Off |   00000000:01:00.0  On | …"
std::optional<NvidiaSmiTableGpu> ReadGpuRow(std::string_view line, int number) {
  std::vector<Span> cells = Cells(line);
  if (cells.size() < 2) return std::nullopt;
  auto words_of = [&](Span cell) { return SplitWords(line.substr(cell.begin, cell.end - cell.begin)); };
  std::vector<std::string_view> left = words_of(cells[0]);
  std::vector<std::string_view> right = words_of(cells[1]);
  if (left.empty() || right.empty()) return std::nullopt;
  NvidiaSmiTableGpu gpu;
  const char* end = left[0].data() + left[0].size();
  auto [rest, error] = std::from_chars(left[0].data(), end, gpu.index);
  std::optional<PciAddress> address = PciAddress::Parse(right[0]);
  if (error != std::errc() || rest != end || !address) return std::nullopt;
  gpu.bus_id = *address;
  gpu.line = number;
  if (cells.size() > 2) {
    const std::vector<std::string_view> ecc = words_of(cells[2]);
    if (ecc.size() == 1) gpu.ecc = ecc[0];
  }
  // Between the number and the persistence mode.
  for (size_t i = 1; i + 1 < left.size(); ++i) {
    if (i > 1) gpu.name += ' ';
    gpu.name += left[i];
  }
  return gpu;
}

// Goes through the lines from the first to the last.
class TableReader {
 public:
  explicit TableReader(NvidiaSmiTable* table) : table_(table) {}

  void Take(std::string_view line, int number) {
    bool in_frame = line.starts_with('|') || line.starts_with('+');
    if (!in_frame) part_ = Part::kOutside;
    if (line.starts_with("| Processes:")) part_ = Part::kProcesses;
    if (part_ == Part::kProcesses) return;
    if (line.starts_with("| NVIDIA-SMI ")) {
      TakeVersions(line, number);
    } else if (part_ == Part::kHead && line.starts_with("|=")) {
      part_ = Part::kRows;
    } else if (part_ == Part::kHead && line.starts_with('|') && !line.starts_with("|-")) {
      head_.push_back(line);
    } else if (part_ == Part::kRows && line.starts_with('+')) {
      row_line_ = 0;
    } else if (part_ == Part::kRows) {
      if (auto gpu = ReadGpuRow(line, number)) {
        if (head_.empty() || head_.front().find("ECC") == std::string_view::npos) gpu->ecc.clear();
        table_->gpus.push_back(*std::move(gpu));
        row_line_ = 0;
      }
      LookForProblem(line, number);
      ++row_line_;
      return;
    }
    LookForProblem(line, number);
  }

 private:
  enum class Part { kOutside, kHead, kRows, kProcesses };

  void TakeVersions(std::string_view line, int number) {
    table_->has_table = true;
    table_->smi_version = WordAfter(line, "NVIDIA-SMI");
    table_->driver_version = WordAfter(line, "Driver Version:");
    // As some later releases label it.
    if (table_->driver_version.empty()) table_->driver_version = WordAfter(line, "KMD Version:");
    table_->cuda_version = WordAfter(line, "CUDA Version:");
    table_->driver_version_line = number;
    part_ = Part::kHead;
    head_.clear();
  }

  void LookForProblem(std::string_view line, int number) {
    const NvidiaSmiErrorPhrase* error = FindNvidiaSmiError(line);
    if (error == nullptr) return;
    NvidiaSmiProblem problem{std::string(error->phrase), std::string(error->meaning), std::string(line), "", number};
    size_t at = line.find(error->phrase);
    if (part_ == Part::kRows && row_line_ < head_.size() && at != std::string_view::npos) {
      problem.column = NearestTitle(head_[row_line_], {at, at + error->phrase.size()});
    }
    table_->problems.push_back(std::move(problem));
  }

  NvidiaSmiTable* table_;
  Part part_ = Part::kOutside;
  std::vector<std::string_view> head_;  // the lines that name the columns
  size_t row_line_ = 0;                 // which line of a GPU's row comes next
};

}  // namespace

NvidiaSmiTable NvidiaSmiTable::Parse(std::string_view text, const std::filesystem::path& path) {
  NvidiaSmiTable table;
  table.path = path.string();
  TableReader reader(&table);
  int number = 0;
  for (std::string_view line : SplitLines(text)) reader.Take(line, ++number);
  table.last_line = number;
  return table;
}

}  // namespace passthrough
