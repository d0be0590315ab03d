namespace VirtioGuest.Devices.Tests.Support;

/// <summary>One element of a buffer, as a test writes it into a descriptor.</summary>
internal readonly record struct Piece(ulong Address, uint Length, bool IsWritable = false);

/// <summary>What a test reads back from a ring.</summary>
internal readonly record struct UsedBuffer(int Id, uint Length);
