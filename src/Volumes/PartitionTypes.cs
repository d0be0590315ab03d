using VirtioGuest.Hal.Text;

namespace VirtioGuest.Volumes;

/// <summary>What tables say that partitions are for.</summary>
internal static class PartitionTypes
{
    /// <summary>A partition that only covers a GUID partition table (UEFI 2.10, 5.2.3).</summary>
    public const byte Protective = 0xEE;

    // Each type before its name.
    private static readonly string[] s_guids =
    [
        "c12a7328-f81f-11d2-ba4b-00a0c93ec93b", "EFI system",
        "21686148-6449-6e6f-744e-656564454649", "BIOS boot",
        "024dee41-33e7-11d3-9d69-0008c781f39f", "MBR scheme",
        "0fc63daf-8483-4772-8e79-3d69d8477de4", "Linux filesystem",
        "0657fd6d-a4ab-43c4-84e5-0933c84b4f4f", "Linux swap",
        "e6d6d379-f507-44c2-a23c-238f2a3df928", "Linux LVM",
        "a19d880f-05fc-4d3b-a006-743f0f84911e", "Linux RAID",
        "933ac7e1-2eb4-4f13-b844-0e14e2aef915", "Linux home",
        "3b8f8425-20e0-4f3b-907f-1a25a76f98e8", "Linux server data",
        "bc13c2ff-59e6-4262-a352-b275fd6f7172", "Linux extended boot",
        "4f68bce3-e8cd-4db1-96e7-fbcaf984b709", "Linux root (x86-64)",
        "b921b045-1df0-41c3-af44-4c6f280d3fae", "Linux root (ARM-64)",
        "ca7d7ccb-63ed-4c53-861c-1742536059cc", "Linux LUKS",
        "7ffec5c9-2d00-49b7-8941-3ea10a5586b7", "Linux dm-crypt",
        "8da63339-0007-60c0-c436-083ac8230908", "Linux reserved",
        "ebd0a0a2-b9e5-4433-87c0-68b6b72699c7", "Microsoft basic data",
        "e3c9e316-0b5c-4db8-817d-f92df00215ae", "Microsoft reserved",
        "de94bba4-06d1-4d40-a16a-bfd50179d6ac", "Windows recovery",
        "48465300-0000-11aa-aa11-00306543ecac", "Apple HFS",
        "7c3457ef-0000-11aa-aa11-00306543ecac", "Apple APFS",
        "516e7cb6-6ecf-11d6-8ff8-00022d09712b", "FreeBSD UFS",
        "516e7cba-6ecf-11d6-8ff8-00022d09712b", "FreeBSD ZFS",
        "6a898cc3-1dd2-11b2-99a6-080020736631", "ZFS",
    ];

    /// <summary>The name of a type in a master boot record.</summary>
    public static string Describe(byte type) => type switch
    {
        0x01 => "FAT12",
        0x04 => "FAT16 below 32 MiB",
        0x06 => "FAT16",
        0x07 => "NTFS or exFAT",
        0x0B => "FAT32",
        0x0C => "FAT32 (LBA)",
        0x0E => "FAT16 (LBA)",
        0x27 => "Windows recovery",
        0x42 => "Windows dynamic disk",
        0x82 => "Linux swap",
        0x83 => "Linux",
        0x8E => "Linux LVM",
        0xA5 => "FreeBSD",
        0xA6 => "OpenBSD",
        0xA9 => "NetBSD",
        0xAF => "Apple HFS",
        0xEF => "EFI system",
        0xFD => "Linux RAID",
        _ => "type 0x" + Hexadecimal.Format(type, 2),
    };

    /// <summary>The name of a type in a GUID partition table.</summary>
    /// <param name="entry">The bytes.</param>
    /// <param name="offset">Where the GUID is in them.</param>
    public static string Describe(byte[] entry, int offset)
    {
        string guid = Fields.Guid(entry, offset);
        for (int i = 0; i < s_guids.Length; i += 2)
        {
            if (s_guids[i] == guid)
            {
                return s_guids[i + 1];
            }
        }

        return "type " + guid;
    }

    /// <summary>Whether a partition is a list of further ones.</summary>
    public static bool IsExtended(byte type) => type is 0x05 or 0x0F or 0x85;
}
