/* Device paths as text. */
#include "formats/devpath.h"

#include "tests/tap.h"

#define GUID "\x61\xdf\xe4\x8b\xca\x93\xd2\x11\xaa\x0d\x00\xe0\x98\x03\x2b\x8c"
#define END  "\x7f\xff\4\0"

static void is_path(const void *path, size_t n, const char *want)
{
	BUF_AUTO text = {0};

	devpath_text(path, n, &text);
	is_str(buf_cstr(&text), want, want);
}

int main(void)
{
	is_path("\2\1\14\0\xd0\x41\3\x0a\0\0\0\0\1\1\6\0\3\2" END, 22, "PciRoot(0x0)/Pci(0x2,0x3)");
	is_path("\2\1\14\0\1\0\0\0\2\0\0\0" END, 16, "Acpi(0x1,0x2)");
	is_path("\3\2\10\0\1\0\2\0" END, 12, "Scsi(0x1,0x2)");
	is_path("\3\22\12\0\1\0\2\0\3\0" END, 14, "Sata(0x1,0x2,0x3)");
	is_path("\3\27\20\0\1\0\0\0\0\0\0\0\0\0\0\0" END, 20, "NVMe(0x1)");
	is_path("\4\1\52\0\17\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0" GUID "\2\2" END, 46,
		"HD(15,GPT,8be4df61-93ca-11d2-aa0d-00e098032b8c)");
	is_path("\1\4\24\0" GUID END, 24, "VenHw(8be4df61-93ca-11d2-aa0d-00e098032b8c)");
	is_path("\4\3\24\0" GUID "\4\4\12\0k\0\x07\0\0\0" END, 34,
		"VenMedia(8be4df61-93ca-11d2-aa0d-00e098032b8c)/k?");
	is_path("\4\7\24\0" GUID "\4\6\24\0" GUID, 40,
		"Fv(8be4df61-93ca-11d2-aa0d-00e098032b8c)/"
		"FvFile(8be4df61-93ca-11d2-aa0d-00e098032b8c)");
	is_path("\5\1\5\0x" END, 9, "Path(5,1)");
	is_path("\1\1\5\0x" END, 9, "Pci(0x0,0x78)(damaged)");
	is_path("\4\4\3\0", 4, "(damaged)");
	is_path("\4\4\xff\0", 4, "(damaged)");
	is_path("", 0, "");
	return tap_done();
}
