using FsCheck;

namespace VirtioGuest.Net.Tests;

/// <summary>How properties are checked. A failure prints the seed that reproduces it.</summary>
internal static class Properties
{
    public static Config Many => Config.QuickThrowOnFailure.WithMaxTest(1000).WithEndSize(200);
}
