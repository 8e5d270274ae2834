//! igvm-judge DIRECTORY COUNT: writes COUNT random IGVM files, N.igvm, with the igvm crate, and prints the crate's measurements of
//! them, "N snp HEX" and "N tdx HEX".
use igvm::measurement::{generate_snp_measurement, generate_tdx_measurement};
use igvm::snp_defs::SevVmsa;
use igvm::{Arch, IgvmDirectiveHeader, IgvmFile, IgvmInitializationHeader, IgvmPlatformHeader, IgvmRevision};
use igvm_defs::*;
use zerocopy::FromBytes;

const SNP: u32 = 1;
const TDX: u32 = 2;

/// Marsaglia's xorshift: the files are the same on every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }
    fn bytes(&mut self, n: usize) -> Vec<u8> {
        (0..n).map(|_| self.next() as u8).collect()
    }
}

fn platform(compatibility_mask: u32, platform_type: IgvmPlatformType) -> IgvmPlatformHeader {
    IgvmPlatformHeader::SupportedPlatform(IGVM_VHS_SUPPORTED_PLATFORM {
        compatibility_mask,
        highest_vtl: 0,
        platform_type,
        platform_version: 1,
        shared_gpa_boundary: 0,
    })
}

fn page(random: &mut Random, gpa: u64) -> IgvmDirectiveHeader {
    let data_type = match random.below(12) {
        0 => IgvmPageDataType::SECRETS,
        1 => IgvmPageDataType::CPUID_DATA,
        2 => IgvmPageDataType::CPUID_XF,
        _ => IgvmPageDataType::NORMAL,
    };
    let data = match random.below(4) {
        0 => Vec::new(),
        1 => vec![0; 4096],
        _ => random.bytes(4096),
    };
    IgvmDirectiveHeader::PageData {
        gpa,
        compatibility_mask: [SNP, TDX, SNP | TDX, SNP | TDX][random.below(4) as usize],
        flags: IgvmPageDataFlags::new()
            .with_unmeasured(random.below(6) == 0)
            .with_shared(random.below(20) == 0),
        data_type,
        data,
    }
}

fn directives(random: &mut Random) -> Vec<IgvmDirectiveHeader> {
    let mut list = Vec::new();
    let areas = random.below(4) as u32;
    for index in 0..areas {
        list.push(IgvmDirectiveHeader::ParameterArea {
            number_of_bytes: 4096 * (1 + random.below(3)),
            parameter_area_index: index,
            initial_data: Vec::new(),
        });
    }
    if areas > 0 {
        list.push(IgvmDirectiveHeader::MemoryMap(IGVM_VHS_PARAMETER { parameter_area_index: 0, byte_offset: 0 }));
    }
    let mut gpa = 0x100000;
    let mut inserted = 0;
    for _ in 0..random.below(40) {
        list.push(page(random, gpa));
        gpa += 4096 * [1, 1, 1, 5][random.below(4) as usize];
        if inserted < areas && random.below(6) == 0 {
            list.push(IgvmDirectiveHeader::ParameterInsert(IGVM_VHS_PARAMETER_INSERT {
                gpa,
                compatibility_mask: SNP | TDX,
                parameter_area_index: inserted,
            }));
            inserted += 1;
            gpa += 4096 * 4;
        }
    }
    list.push(IgvmDirectiveHeader::RequiredMemory {
        gpa,
        compatibility_mask: SNP | TDX,
        number_of_bytes: 0x10000,
        vtl2_protectable: false,
    });
    for vp_index in 0..random.below(3) as u16 {
        let bytes = random.bytes(std::mem::size_of::<SevVmsa>());
        list.push(IgvmDirectiveHeader::SnpVpContext {
            gpa: 0xfffffffff000,
            compatibility_mask: SNP,
            vp_index,
            vmsa: Box::new(SevVmsa::read_from_bytes(&bytes).expect("a VMSA")),
        });
    }
    list
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn main() {
    let directory = std::env::args().nth(1).expect("a directory");
    let count: u64 = std::env::args().nth(2).and_then(|n| n.parse().ok()).expect("a count");
    for n in 0..count {
        let mut random = Random(0x9e3779b97f4a7c15 ^ (n + 1));
        for _ in 0..8 {
            random.next();
        }
        let revision = match n % 2 {
            0 => IgvmRevision::V1,
            _ => IgvmRevision::V2 { arch: Arch::X64, page_size: 4096 },
        };
        let file = IgvmFile::new(
            revision,
            vec![platform(SNP, IgvmPlatformType::SEV_SNP), platform(TDX, IgvmPlatformType::TDX)],
            vec![IgvmInitializationHeader::GuestPolicy { policy: 0x30000, compatibility_mask: SNP }],
            directives(&mut random),
        )
        .expect("a valid file");
        let mut bytes = Vec::new();
        file.serialize(&mut bytes).expect("a serialized file");
        // A file without data is refused by the crate's own parser.
        if IgvmFile::new_from_binary(&bytes, None).is_err() {
            continue;
        }
        std::fs::write(format!("{directory}/{n}.igvm"), &bytes).expect("a written file");
        let snp = generate_snp_measurement(file.initializations(), file.directives(), SNP).expect("a launch digest");
        let tdx = generate_tdx_measurement(file.directives(), TDX).expect("an MRTD");
        println!("{n} snp {}\n{n} tdx {}", hex(&snp), hex(&tdx));
    }
}
