// SPDX-License-Identifier: GPL-2.0
/*
 * Stub of nvidia-smi for the lab. It knows nothing but what the stub module
 * tells it through /dev/nvidiactl, so it fails wherever the driver is not
 * there. Messages and exit statuses are those of the real tool
 * (`nvidia-smi -h`, "RETURN VALUE" of its manual page).
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "replacements.h"

#define VERSION "000.00"
#define CONTROL "/dev/nvidiactl"
#define MAX_GPUS 32

enum {
	EXIT_BAD_ARGUMENT = 2,
	EXIT_NO_PERMISSION = 4,
	EXIT_NOT_FOUND = 6,
	EXIT_NO_DRIVER = 9,
	EXIT_GPU_LOST = 15,
	EXIT_MISMATCH = 18, /* NVML_ERROR_LIB_RM_VERSION_MISMATCH */
};

struct gpu {
	int index, minor, alive, lost;
	unsigned domain, bus, device, function;
	unsigned vendor_id, device_id, subvendor_id, subdevice_id;
	unsigned link_gen, link_width, max_link_gen, max_link_width;
	unsigned long bar0_mib;
	char uuid[48];
	char bus_id[24]; /* as the real tool has it: eight digits of domain */
	char name[64];
};

static struct gpu gpus[MAX_GPUS];
static int gpu_count;
static int forced_exit = -1; /* the knob smi_exit */
static int lost_seen;

static void leave(int status)
{
	fflush(stdout);
	exit(forced_exit >= 0 ? forced_exit : status);
}

/* --- reading the driver ------------------------------------------------ */

static void no_driver(void)
{
	printf("NVIDIA-SMI has failed because it couldn't communicate with the "
	       "NVIDIA driver. Make sure that the latest NVIDIA driver is "
	       "installed and running.\n\n");
	leave(EXIT_NO_DRIVER);
}

static size_t read_control(char *text, size_t size)
{
	struct stat st;
	size_t used = 0;
	ssize_t got;
	int fd = open(CONTROL, O_RDONLY | O_CLOEXEC);

	if (fd < 0 && (errno == EACCES || errno == EPERM)) {
		printf("Failed to initialize NVML: Insufficient Permissions\n");
		leave(EXIT_NO_PERMISSION);
	}
	if (fd < 0 || fstat(fd, &st) || !S_ISCHR(st.st_mode))
		no_driver();
	while (used < size - 1 && (got = read(fd, text + used, size - 1 - used)) > 0)
		used += (size_t)got;
	close(fd);
	text[used] = '\0';
	return used;
}

static int parse_gpu(const char *line, struct gpu *g)
{
	int n = sscanf(line,
		       "gpu minor=%d bus=%x:%x:%x.%x vendor=%x device=%x "
		       "subvendor=%x subdevice=%x uuid=%47s alive=%d lost=%d "
		       "bar0_mib=%lu link_gen=%u link_width=%u max_link_gen=%u "
		       "max_link_width=%u",
		       &g->minor, &g->domain, &g->bus, &g->device, &g->function, &g->vendor_id,
		       &g->device_id, &g->subvendor_id, &g->subdevice_id, g->uuid, &g->alive,
		       &g->lost, &g->bar0_mib, &g->link_gen, &g->link_width, &g->max_link_gen,
		       &g->max_link_width);

	if (n != 17)
		return 0;
	snprintf(g->bus_id, sizeof(g->bus_id), "%08X:%02X:%02X.%X", g->domain, g->bus, g->device,
		 g->function);
	snprintf(g->name, sizeof(g->name), "SIMULATED GPU %04x:%04x (stub driver)", g->vendor_id,
		 g->device_id);
	return 1;
}

/* The real tool numbers GPUs by bus id, not by minor. */
static int by_bus_id(const void *a, const void *b)
{
	return strcmp(((const struct gpu *)a)->bus_id, ((const struct gpu *)b)->bus_id);
}

static void read_driver(void)
{
	static char text[16384];
	char version[32], *line, *rest = text;
	int i;

	if (!read_control(text, sizeof(text)))
		no_driver();
	line = strsep(&rest, "\n");
	if (sscanf(line, "stub version=%31s smi_exit=%d", version, &forced_exit) != 2)
		no_driver();
	if (strcmp(version, VERSION)) {
		printf("Failed to initialize NVML: Driver/library version mismatch\n");
		leave(EXIT_MISMATCH);
	}
	while (gpu_count < MAX_GPUS && (line = strsep(&rest, "\n")))
		if (parse_gpu(line, &gpus[gpu_count]))
			gpu_count++;
	qsort(gpus, (size_t)gpu_count, sizeof(gpus[0]), by_bus_id);
	for (i = 0; i < gpu_count; i++)
		gpus[i].index = i;
}

static int is_lost(const struct gpu *g)
{
	return g->lost || !g->alive;
}

static void say_lost(const struct gpu *g)
{
	lost_seen = 1;
	printf("Unable to determine the device handle for GPU%04X:%02X:%02X.%X: "
	       "GPU is lost.  Reboot the system to recover this GPU\n",
	       g->domain, g->bus, g->device, g->function);
}

static void need_a_gpu(void)
{
	if (gpu_count)
		return;
	printf("No devices were found\n");
	leave(EXIT_NOT_FOUND);
}

/* --- output ------------------------------------------------------------ */

static const char *now(const char *format)
{
	static char text[64];
	time_t t = time(NULL);

	strftime(text, sizeof(text), format, localtime(&t));
	return text;
}

#define DASHES                                                                                     \
	"----------------------------------------------------------------------------------------" \
	"-"

static void print_table(void)
{
	int i;

	printf("%s       \n+%s+\n", now("%a %b %e %H:%M:%S %Y"), DASHES);
	printf("| NVIDIA-SMI %-22s Driver Version: %-14s CUDA Version: %-8s |\n", VERSION " (stub)",
	       VERSION " (stub)", "N/A");
	printf("+-----------------------------------------+------------------------+---------------"
	       "-------+\n"
	       "| GPU  Name                 Persistence-M | Bus-Id          Disp.A | Volatile "
	       "Uncorr. ECC |\n"
	       "| Fan  Temp   Perf          Pwr:Usage/Cap |           Memory-Usage | GPU-Util  "
	       "Compute M. |\n"
	       "|                                         |                        |               "
	       "MIG M. |\n"
	       "|=========================================+========================+==============="
	       "=======|\n");
	for (i = 0; i < gpu_count; i++) {
		const struct gpu *g = &gpus[i];

		if (is_lost(g)) {
			say_lost(g);
			continue;
		}
		printf("| %3d  SIMULATED (stub) %04x:%04x     Off |   %s Off |                    "
		       "0 |\n"
		       "| N/A   N/A  P0              N/A /  N/A   |    %5dMiB / %6luMiB |     N/A  "
		       "    Default |\n"
		       "|                                         |                        |       "
		       "           N/A |\n"
		       "+-----------------------------------------+------------------------+-------"
		       "---------------+\n",
		       g->index, g->vendor_id, g->device_id, g->bus_id, 0, g->bar0_mib);
	}
	printf("\n+%s+\n", DASHES);
	printf("| Processes: (stub driver: never any)                                              "
	       "       |\n"
	       "|  GPU   GI   CI              PID   Type   Process name                        GPU "
	       "Memory |\n"
	       "|        ID   ID                                                               "
	       "Usage      |\n"
	       "|=================================================================================="
	       "=======|\n"
	       "|  No running processes found                                                      "
	       "       |\n"
	       "+%s+\n",
	       DASHES);
}

static void show_table(void)
{
	FILE *terminal = stdout;
	char *text = NULL;
	size_t size;

	stdout = open_memstream(&text, &size);
	if (!stdout) {
		stdout = terminal;
		print_table();
		return;
	}
	print_table();
	fclose(stdout);
	stdout = terminal;
	put_table(text);
}

static void show_list(void)
{
	int i;

	for (i = 0; i < gpu_count; i++)
		if (is_lost(&gpus[i]))
			say_lost(&gpus[i]);
		else
			printf("GPU %d: %s (UUID: %s)\n", i, gpus[i].name, gpus[i].uuid);
}

static void show_long(void)
{
	int i;

	printf("\n==============NVSMI LOG==============\n\n"
	       "%-54s : %s\n%-54s : %s\n%-54s : %s\n\n%-54s : %d\n",
	       "Timestamp", now("%a %b %e %H:%M:%S %Y"), "Driver Version", VERSION " (stub)",
	       "CUDA Version", "N/A", "Attached GPUs", gpu_count);
	for (i = 0; i < gpu_count; i++) {
		const struct gpu *g = &gpus[i];

		if (is_lost(g)) {
			say_lost(g);
			continue;
		}
		printf("GPU %s\n", g->bus_id);
		printf("    %-50s : %s\n    %-50s : %s\n    %-50s : %d\n", "Product Name", g->name,
		       "GPU UUID", g->uuid, "Minor Number", g->minor);
		printf("    PCI\n"
		       "        %-46s : 0x%02X\n        %-46s : 0x%02X\n"
		       "        %-46s : 0x%04X\n        %-46s : 0x%04X%04X\n"
		       "        %-46s : %s\n        %-46s : 0x%04X%04X\n",
		       "Bus", g->bus, "Device", g->device, "Domain", g->domain, "Device Id",
		       g->device_id, g->vendor_id, "Bus Id", g->bus_id, "Sub System Id",
		       g->subdevice_id, g->subvendor_id);
		printf("        GPU Link Info\n            PCIe Generation\n"
		       "                %-38s : %u\n                %-38s : %u\n"
		       "            Link Width\n"
		       "                %-38s : %ux\n                %-38s : %ux\n",
		       "Max", g->max_link_gen, "Current", g->link_gen, "Max", g->max_link_width,
		       "Current", g->link_width);
		printf("    FB Memory Usage\n        %-46s : %lu MiB\n"
		       "        %-46s : 0 MiB\n        %-46s : %lu MiB\n",
		       "Total", g->bar0_mib, "Used", "Free", g->bar0_mib);
		printf("    ECC Mode\n        %-46s : N/A\n        %-46s : N/A\n"
		       "    %-50s : N/A\n    %-50s : None\n",
		       "Current", "Pending", "Remapped Rows", "Processes");
	}
	printf("\n");
}

/* --- XML: the shape of nvsmi_device_v12.dtd ---------------------------- */

static int depth;
static int current_gpu = -1; /* whose element is open */
/* From the gpu element on, "pci/pci_bus_id"; outside of it with '/' before, "/driver_version". */
static char path[256];

static void indent(void)
{
	int i;

	for (i = 0; i < depth; i++)
		putchar('\t');
}

static void enter(const char *name)
{
	size_t used = strlen(path);

	snprintf(path + used, sizeof(path) - used, "%s%s", used || current_gpu < 0 ? "/" : "",
		 name);
}

static void leave_path(void)
{
	char *slash = strrchr(path, '/');

	if (slash)
		*slash = '\0';
	else
		path[0] = '\0';
}

static void open_tag(const char *name)
{
	indent();
	printf("<%s>\n", name);
	depth++;
	enter(name);
}

/* Replacements for elements that the open one does not have become its last. */
static void add_missing(void)
{
	size_t length = strlen(path);
	int i;

	for (i = 0; current_gpu >= 0 && i < replacement_count; i++) {
		struct replacement *r = &replacements[i];
		const char *name = r->path + length + (length ? 1 : 0);

		if (r->used || !strcmp(r->path, "table") || strchr("/@", r->path[0]) ||
		    (r->gpu >= 0 && r->gpu != current_gpu) ||
		    (length && (strncmp(r->path, path, length) || r->path[length] != '/')) ||
		    strchr(name, '/'))
			continue;
		indent();
		printf("<%s>%s</%s>\n", name, r->value, name);
	}
}

static void close_tag(const char *name)
{
	add_missing();
	leave_path();
	depth--;
	indent();
	printf("</%s>\n", name);
}

static void tag(const char *name, const char *value)
{
	const char *other;

	enter(name);
	other = replacement_of(current_gpu, path);
	leave_path();
	indent();
	printf("<%s>%s</%s>\n", name, other ? other : value, name);
}

#define TAGF(name, ...)                                                                            \
	do {                                                                                       \
		char value_[80];                                                                   \
		snprintf(value_, sizeof(value_), __VA_ARGS__);                                     \
		tag(name, value_);                                                                 \
	} while (0)

/* `names` is a list with spaces between; each gets the same value. */
static void group(const char *name, const char *names, const char *value)
{
	char copy[512], *rest = copy, *one;

	snprintf(copy, sizeof(copy), "%s", names);
	open_tag(name);
	while ((one = strsep(&rest, " ")))
		tag(one, value);
	close_tag(name);
}

static void show_xml_pci(const struct gpu *g)
{
	open_tag("pci");
	TAGF("pci_bus", "%02X", g->bus);
	TAGF("pci_device", "%02X", g->device);
	TAGF("pci_domain", "%04X", g->domain);
	TAGF("pci_device_id", "%04X%04X", g->device_id, g->vendor_id);
	tag("pci_bus_id", g->bus_id);
	TAGF("pci_sub_system_id", "%04X%04X", g->subdevice_id, g->subvendor_id);
	open_tag("pci_gpu_link_info");
	open_tag("pcie_gen");
	TAGF("max_link_gen", "%u", g->max_link_gen);
	TAGF("current_link_gen", "%u", g->link_gen);
	TAGF("device_current_link_gen", "%u", g->link_gen);
	TAGF("max_device_link_gen", "%u", g->max_link_gen);
	tag("max_host_link_gen", "N/A");
	close_tag("pcie_gen");
	open_tag("link_widths");
	TAGF("max_link_width", "%ux", g->max_link_width);
	TAGF("current_link_width", "%ux", g->link_width);
	close_tag("link_widths");
	close_tag("pci_gpu_link_info");
	group("pci_bridge_chip", "bridge_chip_type bridge_chip_fw", "N/A");
	tag("replay_counter", "0");
	tag("replay_rollover_counter", "0");
	tag("tx_util", "N/A");
	tag("rx_util", "N/A");
	close_tag("pci");
}

static void show_xml_health(void)
{
	static const char kinds[] =
		"sram_correctable sram_uncorrectable dram_correctable dram_uncorrectable";

	group("ecc_mode", "current_ecc pending_ecc", "Enabled");
	open_tag("ecc_errors");
	group("volatile", kinds, "0");
	group("aggregate", kinds, "0");
	close_tag("ecc_errors");
	open_tag("retired_pages");
	group("multiple_single_bit_retirement", "retired_count retired_pagelist", "N/A");
	group("double_bit_retirement", "retired_count retired_pagelist", "N/A");
	tag("pending_blacklist", "N/A");
	tag("pending_retirement", "N/A");
	close_tag("retired_pages");
	open_tag("remapped_rows");
	tag("remapped_row_corr", "0");
	tag("remapped_row_unc", "0");
	tag("remapped_row_pending", "No");
	tag("remapped_row_failure", "No");
	close_tag("remapped_rows");
	group("temperature",
	      "gpu_temp gpu_temp_tlimit gpu_temp_max_threshold "
	      "gpu_temp_slow_threshold gpu_temp_max_gpu_threshold "
	      "gpu_target_temperature memory_temp gpu_temp_max_mem_threshold",
	      "N/A");
	group("gpu_power_readings",
	      "power_state power_draw current_power_limit requested_power_limit "
	      "default_power_limit min_power_limit max_power_limit",
	      "N/A");
	group("clocks", "graphics_clock sm_clock mem_clock video_clock", "N/A");
	group("max_clocks", "graphics_clock sm_clock mem_clock video_clock", "N/A");
}

static void show_xml_gpu(const struct gpu *g)
{
	const char *id = replacement_of(g->index, "@id");

	indent();
	printf("<gpu id=\"%s\">\n", id ? id : g->bus_id);
	depth++;
	current_gpu = g->index;
	path[0] = '\0';
	tag("product_name", g->name);
	tag("product_brand", "SIMULATED (stub driver)");
	tag("product_architecture", "SIMULATED (stub driver)");
	tag("display_mode", "Disabled");
	tag("display_active", "Disabled");
	tag("persistence_mode", "Disabled");
	group("mig_mode", "current_mig pending_mig", "N/A");
	tag("mig_devices", "None");
	tag("serial", "N/A");
	tag("uuid", g->uuid);
	TAGF("minor_number", "%d", g->minor);
	tag("vbios_version", "N/A");
	group("inforom_version", "img_version oem_object ecc_object pwr_object", "N/A");
	open_tag("gpu_virtualization_mode");
	tag("virtualization_mode", "Pass-Through");
	tag("host_vgpu_mode", "N/A");
	close_tag("gpu_virtualization_mode");
	open_tag("gpu_reset_status");
	tag("reset_required", "No");
	tag("drain_and_reset_recommended", "N/A");
	close_tag("gpu_reset_status");
	show_xml_pci(g);
	tag("fan_speed", "N/A");
	tag("performance_state", "P0");
	group("clocks_event_reasons",
	      "clocks_event_reason_gpu_idle "
	      "clocks_event_reason_applications_clocks_setting "
	      "clocks_event_reason_sw_power_cap clocks_event_reason_hw_slowdown "
	      "clocks_event_reason_hw_thermal_slowdown "
	      "clocks_event_reason_hw_power_brake_slowdown "
	      "clocks_event_reason_sync_boost "
	      "clocks_event_reason_sw_thermal_slowdown "
	      "clocks_event_reason_display_clocks_setting",
	      "Not Active");
	open_tag("fb_memory_usage");
	TAGF("total", "%lu MiB", g->bar0_mib);
	tag("reserved", "0 MiB");
	tag("used", "0 MiB");
	TAGF("free", "%lu MiB", g->bar0_mib);
	close_tag("fb_memory_usage");
	tag("compute_mode", "Default");
	group("utilization", "gpu_util memory_util encoder_util decoder_util", "N/A");
	show_xml_health();
	open_tag("processes");
	close_tag("processes");
	close_tag("gpu");
	current_gpu = -1;
}

static void show_xml(void)
{
	int i;

	for (i = 0; i < gpu_count; i++)
		if (is_lost(&gpus[i]))
			say_lost(&gpus[i]);
	printf("<?xml version=\"1.0\" ?>\n"
	       "<!DOCTYPE nvidia_smi_log SYSTEM \"nvsmi_device_v12.dtd\">\n");
	indent();
	printf("<nvidia_smi_log>\n");
	depth++;
	tag("timestamp", now("%a %b %e %H:%M:%S %Y"));
	tag("driver_version", VERSION);
	tag("cuda_version", "N/A (stub driver)");
	TAGF("attached_gpus", "%d", gpu_count);
	for (i = 0; i < gpu_count; i++)
		if (!is_lost(&gpus[i]))
			show_xml_gpu(&gpus[i]);
	close_tag("nvidia_smi_log");
}

/* --- --query-gpu ------------------------------------------------------- */

static void put_memory(FILE *out, unsigned long mib, int units)
{
	fprintf(out, "%lu%s", mib, units ? " MiB" : "");
}

/* Prints one value to `out`; 0 when there is no such field. */
static int put_field(FILE *out, const struct gpu *g, const char *f, int units)
{
	if (!strcmp(f, "index"))
		fprintf(out, "%d", g->index);
	else if (!strcmp(f, "count"))
		fprintf(out, "%d", gpu_count);
	else if (!strcmp(f, "timestamp"))
		fprintf(out, "%s.000", now("%Y/%m/%d %H:%M:%S"));
	else if (!strcmp(f, "uuid") || !strcmp(f, "gpu_uuid"))
		fprintf(out, "%s", g->uuid);
	else if (!strcmp(f, "name") || !strcmp(f, "gpu_name"))
		fprintf(out, "%s", g->name);
	else if (!strcmp(f, "driver_version"))
		fprintf(out, "%s", VERSION);
	else if (!strcmp(f, "pci.bus_id") || !strcmp(f, "gpu_bus_id"))
		fprintf(out, "%s", g->bus_id);
	else if (!strcmp(f, "pci.domain"))
		fprintf(out, "0x%04X", g->domain);
	else if (!strcmp(f, "pci.bus"))
		fprintf(out, "0x%02X", g->bus);
	else if (!strcmp(f, "pci.device"))
		fprintf(out, "0x%02X", g->device);
	else if (!strcmp(f, "pci.device_id"))
		fprintf(out, "0x%04X%04X", g->device_id, g->vendor_id);
	else if (!strcmp(f, "pci.sub_device_id"))
		fprintf(out, "0x%04X%04X", g->subdevice_id, g->subvendor_id);
	else if (!strcmp(f, "pcie.link.gen.current") || !strcmp(f, "pcie.link.gen.gpucurrent"))
		fprintf(out, "%u", g->link_gen);
	else if (!strcmp(f, "pcie.link.gen.max") || !strcmp(f, "pcie.link.gen.gpumax"))
		fprintf(out, "%u", g->max_link_gen);
	else if (!strcmp(f, "pcie.link.width.current"))
		fprintf(out, "%u", g->link_width);
	else if (!strcmp(f, "pcie.link.width.max"))
		fprintf(out, "%u", g->max_link_width);
	else if (!strcmp(f, "memory.total") || !strcmp(f, "memory.free"))
		put_memory(out, g->bar0_mib, units);
	else if (!strcmp(f, "memory.used"))
		put_memory(out, 0, units);
	else if (!strcmp(f, "persistence_mode") || !strncmp(f, "display_", 8))
		fprintf(out, "Disabled");
	else if (!strcmp(f, "compute_mode"))
		fprintf(out, "Default");
	else if (!strcmp(f, "pstate"))
		fprintf(out, "P0");
	else if (!strncmp(f, "clocks_event_reasons.", 21) ||
		 !strncmp(f, "clocks_throttle_reasons.", 24))
		fprintf(out, "Not Active");
	else if (!strcmp(f, "serial") || !strcmp(f, "vbios_version") || !strcmp(f, "compute_cap") ||
		 !strcmp(f, "fan.speed") || !strncmp(f, "ecc.", 4) ||
		 !strncmp(f, "retired_pages.", 14) || !strncmp(f, "remapped_rows.", 14) ||
		 !strncmp(f, "temperature.", 12) || !strncmp(f, "power.", 6) ||
		 !strncmp(f, "utilization.", 12) || !strncmp(f, "clocks.", 7) ||
		 !strncmp(f, "mig.mode.", 9) || !strncmp(f, "inforom.", 8))
		fprintf(out, "[N/A]");
	else
		return 0;
	return 1;
}

static const char *unit_of(const char *field)
{
	return strncmp(field, "memory.", 7) ? "" : " [MiB]";
}

static void put_row(const struct gpu *g, char fields[][64], int count, int units)
{
	int i;

	for (i = 0; i < count; i++) {
		if (i)
			printf(", ");
		if (g) {
			put_field(stdout, g, fields[i], units);
			continue;
		}
		printf("%s%s", fields[i], unit_of(fields[i]));
	}
	putchar('\n');
}

/* Splits at commas, drops spaces; returns how many. */
static int split_fields(const char *list, char fields[][64], int max)
{
	int count = 0;
	size_t used = 0;

	for (; count < max; list++) {
		if (*list && *list != ',') {
			if (!isspace((unsigned char)*list) && used < 63)
				fields[count][used++] = *list;
			continue;
		}
		fields[count++][used] = '\0';
		used = 0;
		if (!*list)
			break;
	}
	return count;
}

static void check_fields(char fields[][64], int count)
{
	struct gpu none = {.index = 0};
	FILE *nowhere = fopen("/dev/null", "w");
	int i;

	for (i = 0; nowhere && i < count; i++) {
		if (put_field(nowhere, &none, fields[i], 1))
			continue;
		printf("Field \"%s\" is not a valid field to query.\n\n", fields[i]);
		leave(EXIT_BAD_ARGUMENT);
	}
	if (nowhere)
		fclose(nowhere);
}

static void show_query(const char *list, const char *format)
{
	static char fields[128][64];
	int count = split_fields(list, fields, 128);
	int i;

	if (!format || strncmp(format, "csv", 3)) {
		printf("\"--format=\" switch is missing. Please run 'nvidia-smi -h' for help.\n");
		leave(EXIT_BAD_ARGUMENT);
	}
	check_fields(fields, count);
	if (!strstr(format, "noheader"))
		put_row(NULL, fields, count, !strstr(format, "nounits"));
	for (i = 0; i < gpu_count; i++)
		if (is_lost(&gpus[i]))
			say_lost(&gpus[i]);
		else
			put_row(&gpus[i], fields, count, !strstr(format, "nounits"));
}

/* --- command line ------------------------------------------------------ */

static void show_help(void)
{
	printf("NVIDIA System Management Interface -- v" VERSION " STUB\n\n"
	       "A stub for the lab: it reads the stub driver and no GPU.\n\n"
	       "nvidia-smi                        table\n"
	       "nvidia-smi -L | --list-gpus       one line a GPU\n"
	       "nvidia-smi -q | --query [-x]      details, as text or XML\n"
	       "nvidia-smi --query-gpu=FIELD,... --format=csv[,noheader][,nounits]\n"
	       "nvidia-smi --version | -h | --help\n");
}

static void show_version(void)
{
	read_driver();
	printf("NVIDIA-SMI version  : " VERSION " (stub)\n"
	       "NVML version        : " VERSION " (stub)\n"
	       "DRIVER version      : " VERSION " (stub)\n"
	       "CUDA Version        : N/A\n");
	leave(0);
}

static void bad_argument(const char *arg)
{
	printf("Invalid combination of input arguments. Please run 'nvidia-smi -h' for help.\n"
	       "Argument not known to the stub: %s\n",
	       arg);
	leave(EXIT_BAD_ARGUMENT);
}

int main(int argc, char **argv)
{
	const char *query = NULL, *format = NULL;
	int list = 0, details = 0, xml = 0, i;

	for (i = 1; i < argc; i++) {
		const char *a = argv[i];

		if (!strcmp(a, "-h") || !strcmp(a, "--help")) {
			show_help();
			return 0;
		} else if (!strcmp(a, "--version")) {
			show_version();
		} else if (!strcmp(a, "-L") || !strcmp(a, "--list-gpus")) {
			list = 1;
		} else if (!strcmp(a, "-q") || !strcmp(a, "--query")) {
			details = 1;
		} else if (!strcmp(a, "-x") || !strcmp(a, "--xml-format")) {
			xml = 1;
		} else if (!strncmp(a, "--query-gpu=", 12)) {
			query = a + 12;
		} else if (!strncmp(a, "--format=", 9)) {
			format = a + 9;
		} else {
			bad_argument(a);
		}
	}
	read_driver();
	read_replacements();
	need_a_gpu();
	if (query)
		show_query(query, format);
	else if (list)
		show_list();
	else if (details && xml)
		show_xml();
	else if (details)
		show_long();
	else
		show_table();
	leave(lost_seen ? EXIT_GPU_LOST : 0);
	return 0;
}
