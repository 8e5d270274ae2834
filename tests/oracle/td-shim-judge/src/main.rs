// td-shim-judge IMAGE [HOB GPA]: what td-shim's own readers make of an image and of a TD HOB list, one line:
//   sections valid|invalid, SHA-384 of the payload or "-", bytes of the list or "-"
use scroll::Pread;
use sha2::{Digest, Sha384};
use td_shim_interface::metadata::{validate_sections, TdxMetadataDescriptor, TdxMetadataSection};
use td_shim_interface::td_uefi_pi::{fv, hob, pi};

fn metadata(image: &[u8]) -> usize {
    // Ours have "TDVF" once, whichever way it is found.
    image.windows(4).rposition(|word| word == b"TDVF").expect("no metadata")
}

fn sections(image: &[u8]) -> bool {
    let at = metadata(image);
    let descriptor: TdxMetadataDescriptor = image.pread(at).unwrap();
    let list: Vec<TdxMetadataSection> = (0..descriptor.number_of_section_entry as usize)
        .map(|i| image.pread(at + 16 + 32 * i).unwrap())
        .collect();
    descriptor.is_valid() && validate_sections(&list).is_ok()
}

fn payload(image: &[u8]) -> Option<&[u8]> {
    for at in (0..image.len()).step_by(4096) {
        let Some(header) = image.get(at..at + 72) else { continue };
        if &header[40..44] != b"_FVH" {
            continue;
        }
        let length = u64::from_le_bytes(header[32..40].try_into().unwrap()) as usize;
        let found = image.get(at..at + length).and_then(|volume| {
            fv::get_image_from_fv(volume, pi::fv::FV_FILETYPE_DXE_CORE, pi::fv::SECTION_PE32)
        });
        if found.is_some() {
            return found;
        }
    }
    None
}

// The reader wants the list where its end says; it is moved to where it is here.
fn list_bytes(mut list: Vec<u8>, gpa: u64) -> Option<usize> {
    let end = u64::from_le_bytes(list[48..56].try_into().unwrap());
    let here = list.as_ptr() as u64 + (end - gpa);
    list[48..56].copy_from_slice(&here.to_le_bytes());
    hob::check_hob_integrity(&list).map(|found| found.len())
}

fn main() {
    let words: Vec<String> = std::env::args().collect();
    let image = std::fs::read(&words[1]).unwrap();
    let valid = if sections(&image) { "valid" } else { "invalid" };
    let digest = payload(&image).map(|found| {
        Sha384::digest(found).iter().map(|byte| format!("{byte:02x}")).collect::<String>()
    });
    let bytes = words.get(2).and_then(|path| {
        list_bytes(std::fs::read(path).unwrap(), words[3].parse().unwrap())
    });
    println!(
        "{valid} {} {}",
        digest.unwrap_or_else(|| "-".into()),
        bytes.map_or("-".into(), |n| n.to_string())
    );
}
