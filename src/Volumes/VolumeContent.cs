using VirtioGuest.Hal;
using VirtioGuest.Hal.Text;

namespace VirtioGuest.Volumes;

/// <summary>What is in a partition or on a whole disk, by what its format is known by.</summary>
/// <remarks>
/// Nothing that is read is trusted: at most a few dozen blocks are looked at, and numbers that make no sense are no
/// format.
/// </remarks>
public sealed class VolumeContent
{
    /// <summary>Room for what is looked at of each format, except where its field is far from its start.</summary>
    private const int AreaLength = 512;
    private const int SignatureOffset = 510;
    private const ushort BootSignature = 0xAA55;

    private VolumeContent(string format, string label = "", string id = "")
    {
        Format = format;
        Label = label;
        Id = id;
    }

    /// <summary>What it is called: <c>ext4</c>, for example, <c>unknown</c>, or <c>empty (zeroes)</c>.</summary>
    public string Format { get; }

    /// <summary>Its label in printable ASCII; empty where it has none, or keeps it elsewhere.</summary>
    public string Label { get; }

    /// <summary>Its UUID or serial number; empty where it has none.</summary>
    public string Id { get; }

    /// <summary>The unit in which it gives room to files, in bytes; 0 where it does not say.</summary>
    public ulong BlockSize { get; private set; }

    /// <summary>How many bytes it says to have, 0 where it does not say.</summary>
    public ulong Size { get; private set; }

    /// <summary>Recognises what is in a range of a disk.</summary>
    /// <param name="disk">The disk.</param>
    /// <param name="firstSector">The first sector of the range, at the start of a block.</param>
    /// <param name="sectorCount">How many it has.</param>
    /// <param name="block">Room for one block of the disk, which is overwritten.</param>
    /// <param name="failure">Null, or why the range could not be read; what is returned says nothing then.</param>
    public static VolumeContent Recognise(
        ReadableDisk disk, ulong firstSector, ulong sectorCount, byte[] block, out Failure? failure)
    {
        var window = new BlockWindow(disk, firstSector, sectorCount, block);
        var area = new byte[AreaLength];
        VolumeContent? found = null;
        failure = window.Copy(0, area);
        if (failure is null)
        {
            found = FromStart(area) ?? FromNamedBootSector(area);
        }

        // A FAT is known by little more than numbers that make sense, so that everything else is tried before.
        found ??= Find(window, area, ref failure);
        if (found is null && failure is null)
        {
            failure = window.Copy(0, area);
            found = failure is null ? FromFat(area) : null;
        }

        return found ?? new VolumeContent(window.IsBlank ? "empty (zeroes)" : "unknown");
    }

    /// <summary>Whether a first sector is that of a file system of Microsoft's, and no master boot record.</summary>
    internal static bool IsBootSector(byte[] sector) =>
        FromNamedBootSector(sector) is not null || FromFat(sector) is not null;

    /// <summary>Tries the formats that begin elsewhere than at the start.</summary>
    private static VolumeContent? Find(BlockWindow window, byte[] area, ref Failure? failure)
    {
        VolumeContent? found = null;
        for (int place = 0; place < Place.All.Length && failure is null && found is null; place++)
        {
            failure = window.Copy(Place.All[place], area);
            if (failure is null)
            {
                found = FromPlace(Place.All[place], area);
            }
        }

        for (uint page = 4096; page <= 65536 && failure is null && found is null; page *= 2)
        {
            failure = FindSwap(window, area, page, out found);
        }

        return found;
    }

    private static VolumeContent? FromPlace(ulong place, byte[] area) => place switch
    {
        Place.Ext => FromExt(area) ?? FromPhysicalVolume(area),
        Place.Iso => FromIso(area),
        Place.Btrfs => FromBtrfs(area),
        _ => FromPhysicalVolume(area),
    };

    private static VolumeContent? FromStart(byte[] area)
    {
        if (Fields.Holds(area, 0, "LUKS") && area[4] == 0xBA && area[5] == 0xBE && area[6] == 0 && area[7] is 1 or 2)
        {
            bool isSecond = area[7] == 2;
            return new VolumeContent(
                isSecond ? "LUKS2" : "LUKS1", isSecond ? Fields.Text(area, 24, 48) : "", Fields.Text(area, 168, 40));
        }

        uint blockSize = Fields.ReadBig32(area, 4);
        if (Fields.Holds(area, 0, "XFSB") && IsSize(blockSize, 512, 65536))
        {
            return new VolumeContent("XFS", Fields.Text(area, 108, 12), Fields.Uuid(area, 32))
            {
                BlockSize = blockSize,
                Size = Fields.Multiply(Fields.ReadBig64(area, 8), blockSize),
            };
        }

        return null;
    }

    // The superblock of ext2 and those that came of it; what is new in ext4 is a bit in one of two fields.
    private static VolumeContent? FromExt(byte[] area)
    {
        const uint Journal = 0x4;
        const uint JournalDevice = 0x8;
        const uint WideCounts = 0x80;
        const uint IncompatibleOfExt3 = 0x2 | 0x4 | 0x10;
        const uint ReadOnlyOfExt3 = 0x1 | 0x2 | 0x4;
        uint scale = Fields.Read32(area, 24);
        if (Fields.Read16(area, 56) != 0xEF53 || scale > 6)
        {
            return null;
        }

        uint incompatible = Fields.Read32(area, 96);
        uint readOnly = Fields.Read32(area, 100);
        bool isExt4 = (incompatible & ~IncompatibleOfExt3) != 0 || (readOnly & ~ReadOnlyOfExt3) != 0;
        string format = (incompatible & JournalDevice) != 0 ? "ext journal"
            : isExt4 ? "ext4"
            : (Fields.Read32(area, 92) & Journal) != 0 ? "ext3" : "ext2";
        ulong high = (incompatible & WideCounts) != 0 ? Fields.Read32(area, 336) : 0;
        uint blockSize = 1024U << (int)scale;
        return new VolumeContent(format, Fields.Text(area, 120, 16), Fields.Uuid(area, 104))
        {
            BlockSize = blockSize,
            Size = Fields.Multiply((high << 32) | Fields.Read32(area, 4), blockSize),
        };
    }

    private static VolumeContent? FromIso(byte[] area)
    {
        uint blockSize = Fields.Read16(area, 128);
        if (area[0] != 1 || !Fields.Holds(area, 1, "CD001") || !IsSize(blockSize, 512, 2048))
        {
            return null;
        }

        return new VolumeContent("ISO 9660", Fields.Text(area, 40, 32))
        {
            BlockSize = blockSize,
            Size = Fields.Multiply(Fields.Read32(area, 80), blockSize),
        };
    }

    private static VolumeContent? FromBtrfs(byte[] area)
    {
        uint blockSize = Fields.Read32(area, 144);
        if (!Fields.Holds(area, 64, "_BHRfS_M") || !IsSize(blockSize, 512, 65536))
        {
            return null;
        }

        // Of this device: there may be others. The label has room for more than is looked at.
        return new VolumeContent("Btrfs", Fields.Text(area, 299, AreaLength - 299), Fields.Uuid(area, 32))
        {
            BlockSize = blockSize,
            Size = Fields.Read64(area, 209),
        };
    }

    // The label of a physical volume says where its header begins, with an identifier of 32 letters.
    private static VolumeContent? FromPhysicalVolume(byte[] area)
    {
        uint header = Fields.Read32(area, 20);
        if (!Fields.Holds(area, 0, "LABELONE") || !Fields.Holds(area, 24, "LVM2 001") || header > AreaLength - 40)
        {
            return null;
        }

        string id = Fields.Text(area, (int)header, 6);
        for (int i = 6; i < 30; i += 4)
        {
            id += "-" + Fields.Text(area, (int)header + i, i < 26 ? 4 : 6);
        }

        return new VolumeContent("LVM2 physical volume", "", id) { Size = Fields.Read64(area, (int)header + 32) };
    }

    private static Failure? FindSwap(BlockWindow window, byte[] area, uint page, out VolumeContent? found)
    {
        found = null;
        Failure? failure = window.Copy(page - AreaLength, area);
        if (failure is not null || !Fields.Holds(area, AreaLength - 10, "SWAPSPACE2"))
        {
            return failure;
        }

        failure = window.Copy(1024, area);
        if (failure is null && Fields.Read32(area, 0) == 1)
        {
            found = new VolumeContent("Linux swap", Fields.Text(area, 28, 16), Fields.Uuid(area, 12))
            {
                BlockSize = page,
                Size = Fields.Multiply(Fields.Read32(area, 4) + 1UL, page),
            };
        }

        return failure;
    }

    // The boot sectors that say what they are.
    private static VolumeContent? FromNamedBootSector(byte[] area)
    {
        if (Fields.Read16(area, SignatureOffset) != BootSignature)
        {
            return null;
        }

        if (Fields.Holds(area, 3, "EXFAT   ") && area[108] is >= 9 and <= 12 && area[109] <= 25 - area[108])
        {
            return new VolumeContent("exFAT", "", Serial(area, 100))
            {
                BlockSize = 1UL << (area[108] + area[109]),
                Size = Fields.Multiply(Fields.Read64(area, 72), 1U << area[108]),
            };
        }

        uint sectorSize = Fields.Read16(area, 11);
        uint clusterSectors = area[13] <= 0x80 ? area[13] : area[13] >= 0xF0 ? 1U << (0x100 - area[13]) : 0;
        if (Fields.Holds(area, 3, "NTFS    ") && IsSize(sectorSize, 256, 4096) && Fields.IsPowerOfTwo(clusterSectors))
        {
            return new VolumeContent("NTFS", "", Hexadecimal.Format(Fields.Read64(area, 72), 16))
            {
                BlockSize = clusterSectors * sectorSize,
                Size = Fields.Multiply(Fields.Read64(area, 40), sectorSize),
            };
        }

        return null;
    }

    // Which FAT it is says the number of clusters and nothing else (Microsoft's FAT specification 1.03, 3.5).
    private static VolumeContent? FromFat(byte[] area)
    {
        uint sectorSize = Fields.Read16(area, 11);
        uint clusterSectors = area[13];
        ulong reserved = Fields.Read16(area, 14);
        uint copies = area[16];
        bool hasJump = area[0] is 0xEB or 0xE9;
        bool hasMedium = area[21] is 0xF0 or >= 0xF8;
        if (Fields.Read16(area, SignatureOffset) != BootSignature || !hasJump || !hasMedium
            || !IsSize(sectorSize, 512, 4096) || !Fields.IsPowerOfTwo(clusterSectors) || reserved == 0 || copies == 0)
        {
            return null;
        }

        bool isWide = Fields.Read16(area, 22) == 0;
        ulong total = Fields.Read16(area, 19) != 0 ? Fields.Read16(area, 19) : Fields.Read32(area, 32);
        ulong table = isWide ? Fields.Read32(area, 36) : Fields.Read16(area, 22);
        ulong root = (((uint)Fields.Read16(area, 17) * 32) + sectorSize - 1) / sectorSize;
        ulong before = reserved + (copies * table) + root;
        if (table == 0 || total <= before)
        {
            return null;
        }

        ulong clusters = (total - before) / clusterSectors;
        int extension = isWide ? 64 : 36;
        bool hasExtension = area[extension + 2] == 0x29;
        string label = hasExtension ? Fields.Text(area, extension + 7, 11) : "";
        return new VolumeContent(
            clusters < 4085 ? "FAT12" : clusters < 65525 ? "FAT16" : "FAT32",
            label == "NO NAME" ? "" : label,
            hasExtension ? Serial(area, extension + 3) : "")
        {
            BlockSize = clusterSectors * sectorSize,
            Size = total * sectorSize,
        };
    }

    private static string Serial(byte[] area, int offset)
    {
        uint serial = Fields.Read32(area, offset);
        return Hexadecimal.Format(serial >> 16, 4) + "-" + Hexadecimal.Format(serial & 0xFFFF, 4);
    }

    private static bool IsSize(uint value, uint smallest, uint largest) =>
        value >= smallest && value <= largest && Fields.IsPowerOfTwo(value);

    /// <summary>Where formats begin that do not begin at the start.</summary>
    private static class Place
    {
        public const ulong Ext = 1024;
        public const ulong Iso = 32768;
        public const ulong Btrfs = 65536;

        // A physical volume has its label in one of the first four sectors.
        public static readonly ulong[] All = [0, 512, Ext, 1536, Iso, Btrfs];
    }
}
