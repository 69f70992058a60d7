import { expect, test } from "vitest";
import { readTenants } from "./api";
import { takeKey } from "./key";

test("the key leaves the fragment and what else is there stays", () => {
  expect(takeKey("#key=abc")).toEqual({ key: "abc", rest: "" });
  expect(takeKey("#key=a%2Bb%3D&view=wall")).toEqual({ key: "a+b=", rest: "#view=wall" });
  expect(takeKey("")).toEqual({ key: null, rest: "" });
  expect(takeKey("#key=")).toEqual({ key: null, rest: "" });
});

test("tenants are read from a list or an object, flat or as configuration objects", () => {
  const expected = [{ id: "demo", name: "Demo Company" }];
  expect(readTenants([{ id: "demo", name: "Demo Company" }])).toEqual(expected);
  expect(readTenants({ items: [{ id: "demo", tenant: { name: "Demo Company" } }], next_cursor: "" })).toEqual(expected);
  expect(readTenants([{ tenant_id: "x" }, { name: "nameless" }, null])).toEqual([{ id: "x", name: "x" }]);
  expect(readTenants("nonsense")).toEqual([]);
});
