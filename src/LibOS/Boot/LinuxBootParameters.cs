using VirtioGuest.LibOS.Abi;
using VirtioGuest.LibOS.Cpu;

namespace VirtioGuest.LibOS.Boot;

/// <summary>
/// Reads what a Linux/x86 loader hands over: <c>struct boot_params</c>, the "zero page" (Linux, Documentation/arch/x86:
/// boot.rst and zero-page.rst).
/// </summary>
internal static unsafe class LinuxBootParameters
{
    private const ulong Length = 4096;
    private const uint HeaderMagic = 0x5372_6448; // "HdrS"

    private const ulong RootPointer = 0x070;
    private const ulong CommandLineHigh = 0x0C8;
    private const ulong EfiSignature = 0x1C0;
    private const ulong AlternativeMemory = 0x1E0;
    private const ulong MemoryMapEntries = 0x1E8;
    private const ulong HeaderMagicOffset = 0x202;
    private const ulong CommandLineLow = 0x228;
    private const ulong FirstEntry = 0x2D0;

    private const uint MaximumEntries = 128;
    private const ulong EntryLength = 20;

    private const uint Efi32Loader = 0x3233_4C45; // "EL32"
    private const uint Efi64Loader = 0x3436_4C45; // "EL64"

    private const byte VideoColourText = 0x01;
    private const byte VideoVgaText = 0x22;
    private const byte VideoLinearVesa = 0x23;
    private const byte VideoEfi = 0x70;
    private const uint Video64BitAddress = 2;

    /// <summary>Reads the boot parameters at a physical address (ESI at the 32-bit entry).</summary>
    /// <returns>
    /// <see cref="BootStatus.Ok"/>, or what is wrong; the information then holds what came before the fault.
    /// </returns>
    public static BootStatus Parse(ulong physical, BootInformation* information)
    {
        Processor.Fill(information, 0, (ulong)sizeof(BootInformation));
        information->Door = BootDoor.Linux;
        if (!ByteWindow.TryOpen(physical, Length, out ByteWindow page))
        {
            return BootStatus.Unreachable;
        }

        if (page.Load32(HeaderMagicOffset) != HeaderMagic)
        {
            return BootStatus.BadMagic;
        }

        uint efi = page.Load32(EfiSignature);
        information->IsUefi = efi == Efi32Loader || efi == Efi64Loader;
        information->RootPointer = page.Load64(RootPointer);
        ParseScreen(page, &information->Screen);
        BootStatus status = ParseMemory(page, information);
        if (status != BootStatus.Ok)
        {
            return status;
        }

        ulong commandLine = page.Load32(CommandLineLow) | ((ulong)page.Load32(CommandLineHigh) << 32);
        return information->CopyCommandLine(commandLine);
    }

    private static BootStatus ParseMemory(ByteWindow page, BootInformation* information)
    {
        uint entries = page.Load8(MemoryMapEntries);
        if (entries > MaximumEntries)
        {
            return BootStatus.TooLong;
        }

        for (uint index = 0; index < entries; index++)
        {
            information->Memory.AddEntry(page, FirstEntry + (index * EntryLength));
        }

        if (entries == 0)
        {
            // A loader without a map gives the size of the memory above 1 MB, in KB; below, 640 KB is every PC's.
            var above = (ulong)page.Load32(AlternativeMemory) << 10;
            information->Memory.Add(0x10_0000, above, MemoryMap.Ram);
            information->Memory.Add(0, above == 0 ? 0UL : 0xA_0000, MemoryMap.Ram);
        }

        return information->Memory.RamBytes == 0 ? BootStatus.NoMemory : BootStatus.Ok;
    }

    // struct screen_info, at the page's start.
    private static void ParseScreen(ByteWindow page, FramebufferInformation* screen)
    {
        byte kind = page.Load8(0x0F);
        if (kind == VideoColourText || kind == VideoVgaText)
        {
            // The text screen cannot show text of another size, or monochrome text at another address.
            byte mode = page.Load8(0x06);
            if (page.Load8(0x07) == 80 && page.Load8(0x0E) == 25 && (mode == 2 || mode == 3))
            {
                screen->SetColourText();
            }

            return;
        }

        if (kind != VideoLinearVesa && kind != VideoEfi)
        {
            return;
        }

        screen->Kind = FramebufferKind.Rgb;
        screen->Width = page.Load16(0x12);
        screen->Height = page.Load16(0x14);
        screen->BitsPerPixel = (byte)page.Load16(0x16);
        screen->Address = page.Load32(0x18);
        screen->Pitch = page.Load16(0x24);
        screen->RedSize = page.Load8(0x26);
        screen->RedPosition = page.Load8(0x27);
        screen->GreenSize = page.Load8(0x28);
        screen->GreenPosition = page.Load8(0x29);
        screen->BlueSize = page.Load8(0x2A);
        screen->BluePosition = page.Load8(0x2B);
        if ((page.Load32(0x36) & Video64BitAddress) != 0)
        {
            screen->Address |= (ulong)page.Load32(0x3A) << 32;
        }

        if (screen->RedSize == 0 && screen->GreenSize == 0 && screen->BlueSize == 0)
        {
            screen->SetUsualColours();
        }
    }
}
