using System.Collections.Generic;

namespace VirtioGuest.Pci;

/// <summary>
/// Walks the linked list of capabilities (PCI 3.0, 6.7), which the device may have tied into anything.
/// </summary>
internal static class CapabilityList
{
    /// <summary>
    /// Reads the list up to its end, to the first pointer into the header, or to where it comes back.
    /// </summary>
    public static Capability[] Read(PciFunction function)
    {
        List<Capability> found = new List<Capability>();
        bool hasPointer = function.HeaderLayout is ConfigurationHeader.DeviceLayout or ConfigurationHeader.BridgeLayout;
        if (!hasPointer || (function.Read16(ConfigurationHeader.Status) & ConfigurationHeader.CapabilitiesList) == 0)
        {
            return found.ToArray();
        }

        // A capability begins at one of 64 double words: one bit for each that has been seen.
        ulong seen = 0;
        uint pointer = function.Read8(ConfigurationHeader.CapabilitiesPointer) & 0xFCu;
        while (pointer >= ConfigurationHeader.FirstCapability && (seen & (1UL << (int)(pointer / 4))) == 0)
        {
            seen |= 1UL << (int)(pointer / 4);
            ushort header = function.Read16(pointer);
            byte id = (byte)header;
            if (id == 0xFF)
            {
                break;
            }

            if (id != CapabilityId.Null)
            {
                found.Add(new Capability(function, id, pointer, LengthOf(function, id, pointer)));
            }

            pointer = (uint)(header >> 8) & 0xFC;
        }

        return found.ToArray();
    }

    private static uint LengthOf(PciFunction function, byte id, uint pointer)
    {
        uint room = ConfigurationHeader.CapabilityEnd - pointer;
        if (id != CapabilityId.VendorSpecific)
        {
            return room;
        }

        uint said = function.Read8(pointer + 2);
        return said < room ? said : room;
    }
}
