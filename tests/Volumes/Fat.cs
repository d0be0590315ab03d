namespace VirtioGuest.Volumes.Tests;

/// <summary>FAT file systems on a disk of 512-byte blocks.</summary>
internal static class Fat
{
    /// <summary>Puts the boot sector of a FAT with one sector a cluster.</summary>
    /// <param name="disk">The disk.</param>
    /// <param name="sector">Where it begins.</param>
    /// <param name="total">How many sectors it has.</param>
    /// <param name="table">How many sectors each of its two tables has.</param>
    /// <param name="isWide">Whether the sector is laid out as those of FAT32 are.</param>
    public static ImageDisk Put(ImageDisk disk, long sector, uint total, int table = 4, bool isWide = false)
    {
        long at = sector * 512;
        int extension = isWide ? 64 : 36;
        disk.Put8(at, 0xEB, 0x3C, 0x90).PutText(at + 3, "mkfs.fat").Put16(at + 11, 512).Put8(at + 13, 1);
        disk.Put16(at + 14, 1).Put8(at + 16, 2).Put16(at + 17, isWide ? 0 : 512).Put8(at + 21, 0xF8);
        disk.Put32(at + 32, total).Put16(at + 22, isWide ? 0 : table).Put8(at + extension + 2, 0x29);
        if (isWide)
        {
            disk.Put32(at + 36, (uint)table);
        }

        disk.Put32(at + extension + 3, 0x1234ABCD).PutText(at + extension + 7, "BOOT       ");
        return disk.Put16(at + 510, 0xAA55);
    }
}
