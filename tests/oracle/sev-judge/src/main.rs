//! sev-judge CASES.tsv: the sev crate's digest of every launch of snp-cases.py that it has a VMM type for, "id digest" a
//! line. Command lines that it would trim are left out, and so are CPU signatures that it has no name for.
use sev::measurement::snp::{snp_calc_launch_digest, SnpMeasurementArgs};
use sev::measurement::vcpu_types::CpuType;
use sev::measurement::vmsa::{GuestFeatures, VMMType};
use std::path::PathBuf;

fn vmm_type(fields: &[&str]) -> Option<VMMType> {
    match (fields[1], fields[2]) {
        ("snp", "qemu") => Some(VMMType::QEMU),
        ("snp", "ec2-2025") => Some(VMMType::EC2),
        ("snp", "krun") => Some(VMMType::KRUN),
        _ => None,
    }
}

fn path(field: &str) -> Option<PathBuf> {
    (!field.is_empty()).then(|| PathBuf::from(field))
}

fn main() {
    let file = std::env::args().nth(1).expect("a file of cases");
    let cases = std::fs::read_to_string(file).expect("readable cases");
    for line in cases.lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        let signature: u32 = fields[8].parse().expect("a signature");
        let (Some(vmm), Ok(cpu)) = (vmm_type(&fields), CpuType::try_from(signature as i32)) else {
            continue;
        };
        if fields[6].trim() != fields[6] {
            continue;
        }
        let digest = snp_calc_launch_digest(SnpMeasurementArgs {
            vcpus: fields[7].parse().expect("a count"),
            vcpu_type: cpu,
            ovmf_file: PathBuf::from(fields[3]),
            guest_features: GuestFeatures(fields[9].parse().expect("features")),
            kernel_file: path(fields[4]),
            initrd_file: path(fields[5]),
            append: Some(fields[6]),
            ovmf_hash_str: None,
            vmm_type: Some(vmm),
        })
        .expect("a digest");
        println!("{} {}", fields[0], digest.get_hex_ld());
    }
}
