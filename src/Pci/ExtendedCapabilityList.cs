using System;
using System.Collections.Generic;

namespace VirtioGuest.Pci;

/// <summary>
/// Walks the linked list of extended capabilities (PCI Express 3.0, 7.9.1), which the device may have tied into
/// anything.
/// </summary>
internal static class ExtendedCapabilityList
{
    private const uint First = 0x100;
    private const int BitsPerWord = 64;

    /// <summary>
    /// Reads the list up to its end, to the first pointer out of extended space, or to where it comes back.
    /// </summary>
    public static ExtendedCapability[] Read(PciFunction function)
    {
        if (function.ConfigurationLength < ConfigurationHeader.ExtendedEnd
            || function.FindCapability(CapabilityId.Express) == null)
        {
            return Array.Empty<ExtendedCapability>();
        }

        List<ExtendedCapability> found = new List<ExtendedCapability>();
        ulong[] seen = new ulong[ConfigurationHeader.ExtendedEnd / sizeof(uint) / BitsPerWord];
        uint pointer = First;
        while (pointer >= First && !WasSeen(seen, pointer / sizeof(uint)))
        {
            uint header = function.Read32(pointer);
            if (header == 0 || header == uint.MaxValue)
            {
                break;
            }

            // An ID of 0 holds nothing; it may stand first where the function has no others.
            ushort id = (ushort)header;
            if (id != 0)
            {
                found.Add(new ExtendedCapability(function, id, (byte)((header >> 16) & 0xF), pointer));
            }

            pointer = (header >> 20) & 0xFFC;
        }

        return found.ToArray();
    }

    /// <summary>Whether a double word was asked for before.</summary>
    private static bool WasSeen(ulong[] seen, uint index)
    {
        ulong bit = 1UL << (int)(index % BitsPerWord);
        bool was = (seen[index / BitsPerWord] & bit) != 0;
        seen[index / BitsPerWord] |= bit;
        return was;
    }
}
