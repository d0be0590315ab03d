using VirtioGuest.LibOS.Abi;
using VirtioGuest.LibOS.Cpu;

namespace VirtioGuest.LibOS.Boot;

/// <summary>Reads what a Multiboot2 loader hands over (Multiboot2 2.0, 3.6 "Boot information format").</summary>
internal static unsafe class Multiboot2
{
    private const ulong HeaderLength = 8;
    private const ulong MaximumLength = 1 << 20;

    private const uint EndTag = 0;
    private const uint CommandLineTag = 1;
    private const uint BasicMemoryTag = 4;
    private const uint MemoryMapTag = 6;
    private const uint FramebufferTag = 8;
    private const uint Efi32SystemTableTag = 11;
    private const uint Efi64SystemTableTag = 12;
    private const uint OldRootPointerTag = 14;
    private const uint NewRootPointerTag = 15;
    private const uint EfiMemoryMapTag = 17;
    private const uint EfiImageHandle64Tag = 20;

    private const byte FramebufferRgb = 1;
    private const byte FramebufferText = 2;

    /// <summary>Reads the boot information at a physical address (EBX at entry).</summary>
    /// <returns>
    /// <see cref="BootStatus.Ok"/>, or what is wrong; the information then holds what came before the fault.
    /// </returns>
    public static BootStatus Parse(ulong physical, BootInformation* information)
    {
        Processor.Fill(information, 0, (ulong)sizeof(BootInformation));
        information->Door = BootDoor.Multiboot2;
        if ((physical & 7) != 0 || !ByteWindow.TryOpen(physical, HeaderLength, out ByteWindow header))
        {
            return BootStatus.Unreachable;
        }

        ulong length = header.Load32(0);
        if (length < HeaderLength + 8)
        {
            return BootStatus.TooShort;
        }

        if (length > MaximumLength)
        {
            return BootStatus.TooLong;
        }

        if (!ByteWindow.TryOpen(physical, length, out ByteWindow table))
        {
            return BootStatus.Unreachable;
        }

        return ParseTags(table, information);
    }

    private static BootStatus ParseTags(ByteWindow table, BootInformation* information)
    {
        ulong offset = HeaderLength;
        ulong upperMemory = 0;
        ulong lowerMemory = 0;
        while (table.Has(offset, 8))
        {
            uint kind = table.Load32(offset);
            ulong length = table.Load32(offset + 4);
            if (length < 8)
            {
                return BootStatus.TooShort;
            }

            if (!table.Has(offset, length))
            {
                return BootStatus.Cut;
            }

            ByteWindow tag = table.Part(offset, length);
            BootStatus status = BootStatus.Ok;
            switch (kind)
            {
                case EndTag:
                    return Finish(lowerMemory, upperMemory, information);
                case CommandLineTag:
                    status = information->CopyCommandLine(tag.Part(8, length - 8));
                    break;
                case BasicMemoryTag:
                    status = tag.Has(0, 16) ? BootStatus.Ok : BootStatus.TooShort;
                    lowerMemory = (ulong)tag.Load32(8) << 10;
                    upperMemory = (ulong)tag.Load32(12) << 10;
                    break;
                case MemoryMapTag:
                    status = ParseMemoryMap(tag, information);
                    break;
                case FramebufferTag:
                    status = ParseFramebuffer(tag, &information->Screen);
                    break;
                case OldRootPointerTag:
                    status = CopyRootPointer(tag, 20, information);
                    break;
                case NewRootPointerTag:
                    status = CopyRootPointer(tag, 36, information);
                    break;
                default:
                    information->IsUefi |= kind == Efi32SystemTableTag || kind == Efi64SystemTableTag ||
                        (kind >= EfiMemoryMapTag && kind <= EfiImageHandle64Tag);
                    break;
            }

            if (status != BootStatus.Ok)
            {
                return status;
            }

            offset += (length + 7) & ~7UL;
        }

        return BootStatus.Cut;
    }

    private static BootStatus Finish(ulong lowerMemory, ulong upperMemory, BootInformation* information)
    {
        if (information->Memory.RamBytes == 0)
        {
            information->Memory.Add(0, lowerMemory, MemoryMap.Ram);
            information->Memory.Add(0x10_0000, upperMemory, MemoryMap.Ram);
        }

        return information->Memory.RamBytes == 0 ? BootStatus.NoMemory : BootStatus.Ok;
    }

    private static BootStatus ParseMemoryMap(ByteWindow tag, BootInformation* information)
    {
        ulong entryLength = tag.Load32(8);
        if (tag.Length < 16 || entryLength < 24)
        {
            return BootStatus.TooShort;
        }

        for (ulong entry = 16; tag.Has(entry, 24); entry += entryLength)
        {
            information->Memory.AddEntry(tag, entry);
        }

        return BootStatus.Ok;
    }

    private static BootStatus ParseFramebuffer(ByteWindow tag, FramebufferInformation* screen)
    {
        if (!tag.Has(0, 31))
        {
            return BootStatus.TooShort;
        }

        byte kind = tag.Load8(29);
        if (kind == FramebufferRgb && !tag.Has(32, 6))
        {
            return BootStatus.TooShort;
        }

        screen->Address = tag.Load64(8);
        screen->Pitch = tag.Load32(16);
        screen->Width = tag.Load32(20);
        screen->Height = tag.Load32(24);
        screen->BitsPerPixel = tag.Load8(28);
        screen->Kind = kind == FramebufferText ? FramebufferKind.Text
            : kind == FramebufferRgb ? FramebufferKind.Rgb
            : FramebufferKind.None;
        if (kind == FramebufferRgb)
        {
            // The two bytes between kind and fields are what loaders write; the printed table shows only one.
            screen->RedPosition = tag.Load8(32);
            screen->RedSize = tag.Load8(33);
            screen->GreenPosition = tag.Load8(34);
            screen->GreenSize = tag.Load8(35);
            screen->BluePosition = tag.Load8(36);
            screen->BlueSize = tag.Load8(37);
        }

        return BootStatus.Ok;
    }

    private static BootStatus CopyRootPointer(ByteWindow tag, uint length, BootInformation* information)
    {
        if (!tag.Has(8, length))
        {
            return BootStatus.TooShort;
        }

        // A loader may hand over both: the new one says more.
        if (length > information->RootPointerCopyLength)
        {
            for (uint offset = 0; offset < length; offset++)
            {
                information->RootPointerCopy[offset] = tag.Load8(8 + offset);
            }

            information->RootPointerCopyLength = length;
        }

        return BootStatus.Ok;
    }
}
