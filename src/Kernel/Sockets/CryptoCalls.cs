using System.Runtime.InteropServices;

namespace VirtioGuest.Kernel.Sockets;

/// <summary>
/// What works of the class library's cryptography without OpenSSL: random numbers, from the kernel's entropy pool.
/// </summary>
/// <remarks>
/// All else that calls OpenSSL ends in a DllNotFoundException, which names it: TLS, certificates, hashes of
/// System.Security.Cryptography.
/// </remarks>
internal static unsafe partial class CryptoCalls
{
    [UnmanagedCallersOnly(EntryPoint = "CryptoNative_EnsureOpenSslInitialized")]
    private static int EnsureInitialized() => 0;

    // Asked for before anything else, random numbers included.
    [UnmanagedCallersOnly(EntryPoint = "CryptoNative_GetMaxMdSize")]
    private static int GetLargestHashLength() => 64;

    [UnmanagedCallersOnly(EntryPoint = "CryptoNative_GetRandomBytes")]
    private static int GetRandomBytes(byte* buffer, int count) => FillRandom(buffer, count) == 0 ? 1 : 0;

    [LibraryImport("libSystem.Native", EntryPoint = "SystemNative_GetCryptographicallySecureRandomBytes")]
    private static partial int FillRandom(byte* buffer, int count);
}
