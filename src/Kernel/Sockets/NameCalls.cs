using System;
using System.Runtime.InteropServices;
using VirtioGuest.Net;
using VirtioGuest.Sockets;

namespace VirtioGuest.Kernel.Sockets;

/// <summary>What the class library calls to find hosts by their names.</summary>
/// <remarks>Results are the class library's numbers of getaddrinfo's errors.</remarks>
internal static unsafe class NameCalls
{
    private const int TryAgain = 1;
    private const int BadArgument = 6;
    private const int Failed = 3;
    private const int NoSuchFamily = 4;
    private const int NoSuchName = 5;
    private const int NoMemory = 8;

    [UnmanagedCallersOnly(EntryPoint = "SystemNative_GetHostName")]
    private static int GetHostName(byte* name, int length) =>
        GuestSockets.TryCopyText(GuestSockets.HostName, new Span<byte>(name, length)) ? 0 : -1;

    [UnmanagedCallersOnly(EntryPoint = "SystemNative_GetDomainName")]
    private static int GetDomainName(byte* name, int length) =>
        GuestSockets.TryCopyText("", new Span<byte>(name, length)) ? 0 : -1;

    [UnmanagedCallersOnly(EntryPoint = "SystemNative_InterfaceNameToIndex")]
    private static uint InterfaceNameToIndex(byte* name)
    {
        string? text = Marshal.PtrToStringUTF8((nint)name);
        foreach (SocketSystem.Link link in GuestSockets.System.Links)
        {
            if (link.Name == text)
            {
                return (uint)link.Number;
            }
        }

        return 0;
    }

    [UnmanagedCallersOnly(EntryPoint = "SystemNative_GetHostEntryForName")]
    private static int GetHostEntryForName(byte* name, int family, HostEntry* entry)
    {
        *entry = default;
        if (family is not (SocketAddressBytes.Unspecified or SocketAddressBytes.InterNetwork))
        {
            // As for a name that has no addresses of the family.
            return family == SocketAddressBytes.InterNetworkV6 ? NoSuchName : NoSuchFamily;
        }

        try
        {
            string? text = Marshal.PtrToStringUTF8((nint)name);
            if (string.IsNullOrEmpty(text))
            {
                return BadArgument;
            }

            DnsResult result = GuestSockets.Resolve(text);
            switch (result.Status)
            {
                case DnsStatus.Found:
                    Fill(entry, text, result);
                    return 0;

                case DnsStatus.NoSuchName or DnsStatus.NoAddress or DnsStatus.NotAName:
                    return NoSuchName;

                case DnsStatus.ServerFailure:
                    return Failed;

                default:
                    return TryAgain;
            }
        }
        catch (OutOfMemoryException)
        {
            return NoMemory;
        }
    }

    [UnmanagedCallersOnly(EntryPoint = "SystemNative_FreeHostEntry")]
    private static void FreeHostEntry(HostEntry* entry)
    {
        NativeMemory.Free(entry->CanonicalName);
        NativeMemory.Free(entry->Addresses);
        *entry = default;
    }

    // The other way round only this host is known: nothing asks for PTR records.
    [UnmanagedCallersOnly(EntryPoint = "SystemNative_GetNameInfo")]
    private static int GetNameInfo(
        byte* address, uint length, byte isIPv6, byte* host, uint room, byte* service, uint serviceRoom, int flags)
    {
        if (isIPv6 != 0 || length < sizeof(uint))
        {
            return NoSuchName;
        }

        IPv4Address asked = NativeAddress.FromWire(*(uint*)address);
        string? name = asked.IsLoopback ? "localhost" : null;
        foreach (SocketSystem.Link link in GuestSockets.System.Links)
        {
            name ??= link.Stack.Configuration?.Address == asked ? GuestSockets.HostName : null;
        }

        return name is not null && GuestSockets.TryCopyText(name, new Span<byte>(host, (int)room))
            ? 0
            : NoSuchName;
    }

    private static void Fill(HostEntry* entry, string name, in DnsResult result)
    {
        entry->Aliases = null;
        int room = (name.Length * 3) + 1;
        entry->CanonicalName = (byte*)NativeMemory.Alloc((nuint)room);
        GuestSockets.TryCopyText(name, new Span<byte>(entry->CanonicalName, room));
        entry->AddressCount = result.Addresses.Count;
        entry->Addresses = (NativeAddress*)NativeMemory.Alloc((nuint)entry->AddressCount, (nuint)sizeof(NativeAddress));
        for (int i = 0; i < entry->AddressCount; i++)
        {
            entry->Addresses[i] = NativeAddress.Of(result.Addresses[i].Value);
        }
    }

    // The class library's own structure.
    private struct HostEntry
    {
        public byte* CanonicalName;
        public byte** Aliases;
        public NativeAddress* Addresses;
        public int AddressCount;
    }
}
