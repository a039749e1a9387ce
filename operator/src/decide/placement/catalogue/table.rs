//! The GPUs, one a line; of several of one size the best known comes first.
//!
//! Sources. Names and driver totals: `nvidia-smi --query-gpu=name,memory.total` as printed in public logs of each
//! card (Linux drivers 525 to 610). Usable: the smallest total that a CUDA program on Linux saw there
//! (`cudaMemGetInfo`, as llama.cpp and PyTorch print it); `None` where no log could be attributed. Bandwidth and
//! compute capability: NVIDIA's and AMD's data sheets.

use super::Gpu;

const fn gpu(
    name: &'static str,
    product: &'static str,
    memory_mib: u64,
    measured_mib: Option<u64>,
    bandwidth_gb_s: u32,
    compute_capability: (u8, u8),
) -> Gpu {
    Gpu {
        name,
        product: Some(product),
        memory_mib,
        measured_mib,
        bandwidth_gb_s,
        compute_capability: Some(compute_capability),
    }
}

const fn amd(name: &'static str, memory_mib: u64, measured_mib: Option<u64>, bandwidth_gb_s: u32) -> Gpu {
    Gpu { name, product: None, memory_mib, measured_mib, bandwidth_gb_s, compute_capability: None }
}

#[rustfmt::skip]
pub(super) const GPUS: &[Gpu] = &[
    //  name                    nvidia.com/gpu.product                                  MiB  usable MiB     GB/s   CC
    gpu("RTX 3060 12GB",        "NVIDIA-GeForce-RTX-3060",                            12_288, Some(11_906),  360, (8, 6)),
    gpu("RTX 3060 Ti",          "NVIDIA-GeForce-RTX-3060-Ti",                          8_192, None,          448, (8, 6)),
    gpu("RTX 3070",             "NVIDIA-GeForce-RTX-3070",                             8_192, Some(7_819),   448, (8, 6)),
    gpu("RTX 3070 Ti",          "NVIDIA-GeForce-RTX-3070-Ti",                          8_192, None,          608, (8, 6)),
    gpu("RTX 3080 10GB",        "NVIDIA-GeForce-RTX-3080",                            10_240, None,          760, (8, 6)),
    gpu("RTX 3080 12GB",        "NVIDIA-GeForce-RTX-3080",                            12_288, None,          912, (8, 6)),
    gpu("RTX 3080 Ti",          "NVIDIA-GeForce-RTX-3080-Ti",                         12_288, None,          912, (8, 6)),
    gpu("RTX 3090",             "NVIDIA-GeForce-RTX-3090",                            24_576, Some(24_123),  936, (8, 6)),
    gpu("RTX 3090 Ti",          "NVIDIA-GeForce-RTX-3090-Ti",                         24_564, Some(24_114), 1008, (8, 6)),
    gpu("RTX 4060",             "NVIDIA-GeForce-RTX-4060",                             8_188, None,          272, (8, 9)),
    gpu("RTX 4060 Ti 8GB",      "NVIDIA-GeForce-RTX-4060-Ti",                          8_188, None,          288, (8, 9)),
    gpu("RTX 4060 Ti 16GB",     "NVIDIA-GeForce-RTX-4060-Ti",                         16_380, Some(15_944),  288, (8, 9)),
    gpu("RTX 4070",             "NVIDIA-GeForce-RTX-4070",                            12_282, Some(11_866),  504, (8, 9)),
    gpu("RTX 4070 SUPER",       "NVIDIA-GeForce-RTX-4070-SUPER",                      12_282, None,          504, (8, 9)),
    gpu("RTX 4070 Ti",          "NVIDIA-GeForce-RTX-4070-Ti",                         12_282, None,          504, (8, 9)),
    gpu("RTX 4070 Ti SUPER",    "NVIDIA-GeForce-RTX-4070-Ti-SUPER",                   16_376, Some(15_934),  672, (8, 9)),
    gpu("RTX 4080",             "NVIDIA-GeForce-RTX-4080",                            16_376, None,          717, (8, 9)),
    gpu("RTX 4080 SUPER",       "NVIDIA-GeForce-RTX-4080-SUPER",                      16_376, None,          736, (8, 9)),
    gpu("RTX 4090",             "NVIDIA-GeForce-RTX-4090",                            24_564, Some(24_080), 1008, (8, 9)),
    gpu("RTX 5060",             "NVIDIA-GeForce-RTX-5060",                             8_151, None,          448, (12, 0)),
    gpu("RTX 5060 Ti 8GB",      "NVIDIA-GeForce-RTX-5060-Ti",                          8_151, None,          448, (12, 0)),
    gpu("RTX 5060 Ti 16GB",     "NVIDIA-GeForce-RTX-5060-Ti",                         16_311, Some(15_825),  448, (12, 0)),
    gpu("RTX 5070",             "NVIDIA-GeForce-RTX-5070",                            12_227, None,          672, (12, 0)),
    gpu("RTX 5070 Ti",          "NVIDIA-GeForce-RTX-5070-Ti",                         16_303, Some(15_808),  896, (12, 0)),
    gpu("RTX 5080",             "NVIDIA-GeForce-RTX-5080",                            16_303, Some(15_880),  960, (12, 0)),
    gpu("RTX 5090",             "NVIDIA-GeForce-RTX-5090",                            32_607, Some(32_109), 1792, (12, 0)),
    gpu("RTX 2080 Ti",          "NVIDIA-GeForce-RTX-2080-Ti",                         11_264, None,          616, (7, 5)),
    gpu("RTX A2000 12GB",       "NVIDIA-RTX-A2000-12GB",                              12_282, None,          288, (8, 6)),
    gpu("RTX A4000",            "NVIDIA-RTX-A4000",                                   16_376, None,          448, (8, 6)),
    gpu("RTX A4500",            "NVIDIA-RTX-A4500",                                   20_470, None,          640, (8, 6)),
    gpu("RTX A5000",            "NVIDIA-RTX-A5000",                                   24_564, Some(24_114),  768, (8, 6)),
    gpu("RTX A6000",            "NVIDIA-RTX-A6000",                                   49_140, None,          768, (8, 6)),
    gpu("RTX 2000 Ada",         "NVIDIA-RTX-2000-Ada-Generation",                     16_380, None,          224, (8, 9)),
    gpu("RTX 4000 SFF Ada",     "NVIDIA-RTX-4000-SFF-Ada-Generation",                 20_475, None,          280, (8, 9)),
    gpu("RTX 4000 Ada",         "NVIDIA-RTX-4000-Ada-Generation",                     20_475, None,          360, (8, 9)),
    gpu("RTX 4500 Ada",         "NVIDIA-RTX-4500-Ada-Generation",                     24_570, None,          432, (8, 9)),
    gpu("RTX 5000 Ada",         "NVIDIA-RTX-5000-Ada-Generation",                     32_760, None,          576, (8, 9)),
    gpu("RTX 6000 Ada",         "NVIDIA-RTX-6000-Ada-Generation",                     49_140, None,          960, (8, 9)),
    gpu("RTX PRO 4000",         "NVIDIA-RTX-PRO-4000-Blackwell",                      24_467, None,          672, (12, 0)),
    gpu("RTX PRO 4500",         "NVIDIA-RTX-PRO-4500-Blackwell",                      32_623, None,          896, (12, 0)),
    gpu("RTX PRO 5000",         "NVIDIA-RTX-PRO-5000-Blackwell",                      48_935, Some(48_404), 1344, (12, 0)),
    gpu("RTX PRO 6000",         "NVIDIA-RTX-PRO-6000-Blackwell-Workstation-Edition",  97_887, Some(97_239), 1792, (12, 0)),
    gpu("RTX PRO 6000 Server",  "NVIDIA-RTX-PRO-6000-Blackwell-Server-Edition",       97_887, Some(97_250), 1597, (12, 0)),
    gpu("T4",                   "Tesla-T4",                                           15_360, Some(14_912),  320, (7, 5)),
    gpu("V100 SXM2 16GB",       "Tesla-V100-SXM2-16GB",                               16_384, None,          900, (7, 0)),
    gpu("V100 SXM2 32GB",       "Tesla-V100-SXM2-32GB",                               32_768, Some(32_494),  900, (7, 0)),
    gpu("A10",                  "NVIDIA-A10",                                         23_028, None,          600, (8, 6)),
    gpu("A10G",                 "NVIDIA-A10G",                                        23_028, Some(22_587),  600, (8, 6)),
    gpu("A16",                  "NVIDIA-A16",                                         15_356, None,          200, (8, 6)),
    gpu("A30",                  "NVIDIA-A30",                                         24_576, None,          933, (8, 0)),
    gpu("A40",                  "NVIDIA-A40",                                         46_068, Some(45_416),  696, (8, 6)),
    gpu("A100 PCIe 40GB",       "NVIDIA-A100-PCIE-40GB",                              40_960, Some(40_325), 1555, (8, 0)),
    gpu("A100 SXM4 40GB",       "NVIDIA-A100-SXM4-40GB",                              40_960, Some(40_325), 1555, (8, 0)),
    gpu("A100 PCIe 80GB",       "NVIDIA-A100-80GB-PCIe",                              81_920, Some(81_039), 1935, (8, 0)),
    gpu("A100 SXM4 80GB",       "NVIDIA-A100-SXM4-80GB",                              81_920, Some(81_039), 2039, (8, 0)),
    gpu("L4",                   "NVIDIA-L4",                                          23_034, Some(22_558),  300, (8, 9)),
    gpu("L20",                  "NVIDIA-L20",                                         46_068, None,          864, (8, 9)),
    gpu("L40",                  "NVIDIA-L40",                                         46_068, None,          864, (8, 9)),
    gpu("L40S",                 "NVIDIA-L40S",                                        46_068, Some(45_455),  864, (8, 9)),
    gpu("H20",                  "NVIDIA-H20",                                         97_871, Some(97_280), 4000, (9, 0)),
    gpu("H100 PCIe",            "NVIDIA-H100-PCIe",                                   81_559, Some(81_008), 2000, (9, 0)),
    gpu("H100 SXM",             "NVIDIA-H100-80GB-HBM3",                              81_559, Some(81_081), 3350, (9, 0)),
    gpu("H100 NVL",             "NVIDIA-H100-NVL",                                    95_830, Some(95_252), 3938, (9, 0)),
    gpu("H200",                 "NVIDIA-H200",                                       143_771, Some(143_156), 4800, (9, 0)),
    gpu("H200 NVL",             "NVIDIA-H200-NVL",                                   143_771, None,         4800, (9, 0)),
    gpu("GH200 96GB",           "NVIDIA-GH200-480GB",                                 97_871, None,         4000, (9, 0)),
    gpu("GH200 144GB",          "NVIDIA-GH200-144G-HBM3e",                           146_831, None,         4900, (9, 0)),
    gpu("B200",                 "NVIDIA-B200",                                       183_359, Some(182_631), 8000, (10, 0)),
    amd("AMD Instinct MI210",                                                         65_520, None,         1638),
    amd("AMD Instinct MI300X",                                                       196_592, Some(196_290), 5325),
    amd("AMD Instinct MI325X",                                                       262_128, None,         6000),
];
