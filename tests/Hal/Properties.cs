using FsCheck;

namespace VirtioGuest.Hal.Tests;

/// <summary>How properties are checked. A failure says which seed brings it back.</summary>
internal static class Properties
{
    public static Config Many => Config.QuickThrowOnFailure.WithMaxTest(2000).WithEndSize(100);
}
