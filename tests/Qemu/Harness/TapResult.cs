namespace VirtioGuest.Qemu.Tests.Harness;

/// <summary>One test point.</summary>
/// <param name="IsOk">Whether it passed, or was skipped.</param>
/// <param name="Name">What it is about.</param>
/// <param name="IsSkipped">Whether it did not run.</param>
public sealed record TapResult(bool IsOk, string Name, bool IsSkipped);
