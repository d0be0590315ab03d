using System;
using System.Buffers.Binary;
using System.IO;

namespace VirtioGuest.Build.Image;

/// <summary>
/// Puts a kernel into the format of the Linux/x86 boot protocol: the setup sectors, then a small loader that runs at
/// 1 MB, with the stripped ELF file behind it.
/// </summary>
internal static class BzImage
{
    private const int SectorSize = 512;
    private const int LoadAddress = 0x100000;

    // Offsets in the setup header (Linux/x86 boot protocol, "The real-mode kernel header").
    private const int SetupSectors = 0x1F1;
    private const int SystemSize = 0x1F4;
    private const int InitialSize = 0x260;

    /// <param name="assembler">Assembles the setup code and the loader.</param>
    /// <param name="kernel">The kernel with symbols.</param>
    /// <param name="stripped">The path of the same kernel without symbols.</param>
    /// <param name="target">The path of the image.</param>
    public static void Build(Assembler assembler, ElfFile kernel, string stripped, string target)
    {
        byte[] setup = assembler.AssembleFlat("BzImageSetup.S", 0, kernel, null);
        byte[] loader = assembler.AssembleFlat("BzImageLoader.S", LoadAddress, kernel, KernelLink.LinuxEntry);
        File.WriteAllBytes(target, Compose(setup, loader, File.ReadAllBytes(stripped), kernel.LoadedEnd()));
    }

    /// <summary>Puts the parts together and fills in the header.</summary>
    /// <param name="setup">The real-mode part, from the boot sector on.</param>
    /// <param name="loader">The 32-bit part.</param>
    /// <param name="kernel">The ELF file, which the 32-bit part finds at its own end.</param>
    /// <param name="end">The first address behind the loaded kernel.</param>
    internal static byte[] Compose(
        ReadOnlySpan<byte> setup, ReadOnlySpan<byte> loader, ReadOnlySpan<byte> kernel, ulong end)
    {
        int sectors = (setup.Length + SectorSize - 1) / SectorSize;
        int size = RoundUp(loader.Length + kernel.Length, 16);
        if ((ulong)(LoadAddress + size) > KernelLink.ImageBase)
        {
            throw new BuildFailure("the bzImage is too large: it would overwrite itself while it is unpacked");
        }

        byte[] image = new byte[(sectors * SectorSize) + size];
        setup.CopyTo(image);
        loader.CopyTo(image.AsSpan(sectors * SectorSize));
        kernel.CopyTo(image.AsSpan((sectors * SectorSize) + loader.Length));
        image[SetupSectors] = checked((byte)(sectors - 1));
        BinaryPrimitives.WriteUInt32LittleEndian(image.AsSpan(SystemSize), (uint)size / 16);
        BinaryPrimitives.WriteUInt32LittleEndian(image.AsSpan(InitialSize), checked((uint)(end - LoadAddress)));
        return image;
    }

    private static int RoundUp(int value, int multiple) => (value + multiple - 1) / multiple * multiple;
}
